"""What patients sent: stored before it is acknowledged, handled in order within a conversation."""
