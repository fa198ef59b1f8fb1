"""Questionnaires: definitions, scores, red flags."""
