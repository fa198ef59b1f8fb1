"""Reports of examinations (FHIR DiagnosticReport): what is ready, and word of it without what it says."""
