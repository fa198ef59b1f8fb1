"""The time machine's plain parts: who is played, what was written down, how it is said and drawn."""
