"""Putting a `Reply` into a channel's words. The words themselves are data."""
