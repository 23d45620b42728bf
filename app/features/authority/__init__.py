"""Who may do what: accounts, roles and delegations."""
