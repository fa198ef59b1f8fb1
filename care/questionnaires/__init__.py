"""Definitions (FHIR R4 Questionnaire) and the answers to them."""
