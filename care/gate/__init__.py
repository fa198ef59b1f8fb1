"""The policy gate: whether a message may leave now, which way, and why. Asked for a batch at the moment of sending."""
