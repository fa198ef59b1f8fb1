"""Visits to come, and those that were missed: reminding at lead times, what was answered, who is rung, who did not come."""
