"""The three gates: what others judge of a rectification, and what still stands between an item and its closing."""
