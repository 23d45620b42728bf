"""Clients generated from the API description, and how they are made, checked and used: `python -m clients`."""
