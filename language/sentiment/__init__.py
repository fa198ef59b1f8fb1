"""How a patient feels about us, from survey comments and free text: angry, unhappy, neutral or happy."""

from language.sentiment.judge import Judged, Mood, judge

__all__ = ["Judged", "Mood", "judge"]
