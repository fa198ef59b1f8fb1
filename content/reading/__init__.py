"""What patients did with what they were sent."""
