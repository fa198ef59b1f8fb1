"""Reminders by chat: asked for, asked back, stopped, listed, answered."""
