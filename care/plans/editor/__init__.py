"""The editors' page of care plans: drafts as a timeline, building, publishing."""
