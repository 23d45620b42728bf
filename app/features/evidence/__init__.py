"""The files shown for an item, its work, its judgement and its decisions."""
