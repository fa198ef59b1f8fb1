"""Appointments as calendar files: a patient's own behind a link, a doctor's as a feed."""
