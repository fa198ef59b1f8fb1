"""How messages come in and go out. Knows addresses, never patients."""
