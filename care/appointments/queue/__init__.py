"""The queue of a clinic's half-day: checked in, called, passed, put back, seen; and the screens that show it."""
