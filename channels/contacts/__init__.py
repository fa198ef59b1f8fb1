"""Addresses that talk to us, and the one conversation each of them has."""
