"""Which articles fit a person now, and why."""
