"""Composition root: settings, application factory, command line, supervisor, workers' loop. Nothing imports it."""
