"""What patients hear of the hospital's own systems."""
