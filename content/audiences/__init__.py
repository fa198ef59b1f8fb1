"""Audiences: a rule tree over what is known of patients, counted and explained."""
