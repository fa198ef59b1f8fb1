"""The editors' pages of questionnaires."""
