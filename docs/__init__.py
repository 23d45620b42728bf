"""The documents; those made from code are written by `python -m docs.generate`."""
