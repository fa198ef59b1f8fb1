"""The hospital's own systems behind one port: what is told to them, what they say, and which of their ids is which of ours."""
