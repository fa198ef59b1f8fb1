"""Proving that a contact may act for a patient."""
