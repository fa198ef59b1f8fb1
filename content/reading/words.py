"""What patients read around an article (`templates/texts.yml`), and names of topics."""

from __future__ import annotations

from pathlib import Path

from content.audiences.vocabulary import topics
from web.texts import Texts

TEMPLATES = Path(__file__).parent / "templates"
say = Texts(TEMPLATES / "texts.yml")


def topic_name(topic: str) -> str:
    """As patients read it; a topic nobody named any more is shown as it is."""
    return topics().get(topic, topic)
