"""The vocabulary of the service, for those who build on it."""
