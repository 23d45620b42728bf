"""Opinions with a signature, objections during public notice, and recorded decisions of collective bodies."""
