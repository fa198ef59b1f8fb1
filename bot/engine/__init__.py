"""What runs in Rasa's own Python 3.10 environment. Imports nothing of the other rooms, and they import nothing of it."""
