"""整改台账 rectification-ledger: problems from discovery through rectification to proven closing."""
