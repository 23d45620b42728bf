"""The ledger held against its own history: what `rectify audit` looks at beyond what an export shows."""
