"""A FHIR R4 server as the hospital's system (https://hl7.org/fhir/R4/http.html)."""
