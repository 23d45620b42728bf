"""The history: what is recorded, how it is hashed, the order in which it is told."""
