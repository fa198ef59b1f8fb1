"""Plans of one patient, on the patient's page."""
