"""Work for people, and who is in charge of a conversation."""
