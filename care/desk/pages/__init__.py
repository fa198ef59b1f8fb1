"""`/desk`: what nurses and doctors work with."""
