"""Calls to patients, and those who are lost to follow-up."""
