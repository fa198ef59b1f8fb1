"""Reminders that patients or nurses set: medicine, blood pressure, blood glucose."""
