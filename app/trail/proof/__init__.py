"""The formats of the provable history: tree, tiles, notes, checkpoints, proofs.

Standard library and `cryptography` only, and no module-level name twice in the package: the offline verifier is these
modules one after the other in a single file.
"""
