"""Questionnaires in chat, one question at a time; the response and its rules are `care.questionnaires`."""

from actions.questionnaires.dialog import QuestionnaireDialog
from actions.questionnaires.starting import RateService

__all__ = ["QuestionnaireDialog", "RateService"]
