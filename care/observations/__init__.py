"""What devices measured, in FHIR's terms, and the rules it meets."""
