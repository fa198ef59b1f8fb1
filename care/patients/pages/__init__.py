"""`/desk/patients`: finding a patient, and everything about one."""
