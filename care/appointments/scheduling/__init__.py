"""Editing the weekly clinics, their exceptions and the hospital's days: looked at before, taken back after."""
