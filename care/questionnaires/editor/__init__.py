"""The editors' page of questionnaires: drafts, building, trying out, publishing."""
