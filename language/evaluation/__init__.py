"""How well the bot understands: figures on labelled text, and a report a hospital can read."""
