"""Departments, doctors and places, and how their names are found in a sentence."""
