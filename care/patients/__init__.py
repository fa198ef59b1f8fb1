"""Patients, what is known of them, and the contacts (phones, WeChat accounts) that speak for them."""
