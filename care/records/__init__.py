"""What happened to a patient, as the record systems say it: encounters, procedures, pregnancies."""
