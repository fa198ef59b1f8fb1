"""`/desk/alerts`: what must be seen at once."""
