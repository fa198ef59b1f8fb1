"""Department advice from free text: a curated table, a small trained model, and the rules of the house."""

from language.triage.advise import ClarifyingQuestion, Option, Suggestion, Triage, contract_row, triage

__all__ = ["ClarifyingQuestion", "Option", "Suggestion", "Triage", "contract_row", "triage"]
