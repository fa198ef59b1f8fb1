"""Greetings on festivals and birthdays, and warnings of weather and air: under consent and cap, off until switched on."""
