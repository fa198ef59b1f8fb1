"""The operators' pages about delivery: what goes out, what does not and why, and the switches to stop it."""
