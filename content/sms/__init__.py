"""What an SMS of ours must keep to, whoever writes it."""
