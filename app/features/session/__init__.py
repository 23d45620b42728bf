"""Signing in and out, the caller's own page, and keys for programs."""
