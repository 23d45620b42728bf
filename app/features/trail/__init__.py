"""封存与证明: what an outsider needs to check the history without trusting the operator."""
