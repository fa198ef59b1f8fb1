"""What a person agreed to, and what they stopped."""
