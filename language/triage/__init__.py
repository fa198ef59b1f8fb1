"""Department advice from free text: a curated table, small trained models, and the rules of the house."""

from language.triage.advise import ClarifyingQuestion, Option, Suggestion, Triage, contract_row, triage
from language.triage.meaning import by_meaning

__all__ = ["ClarifyingQuestion", "Option", "Suggestion", "Triage", "by_meaning", "contract_row", "triage"]
