"""What a person must see at once."""
