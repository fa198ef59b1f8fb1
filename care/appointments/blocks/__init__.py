"""Free time of a doctor taken out of booking by hand."""
