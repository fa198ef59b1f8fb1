"""Campaigns: an article for an audience, at a time or on an occasion, approved by a second person, sent in batches, counted."""
