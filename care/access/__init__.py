"""Which member of staff may see which patient, and who is in charge of whom."""
