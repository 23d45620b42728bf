"""Who may see and do what: actors, permissions, scope, separation of duties."""
