"""Ledgers, their policies, and the dictionaries items refer to."""
