"""The audit trail, searched, exported and proved."""
