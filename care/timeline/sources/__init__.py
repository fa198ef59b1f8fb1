"""What this room has to say, a subject a file."""
