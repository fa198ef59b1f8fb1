"""docs/safety.md says what the screen does today: its figures, its table of readings, its rules."""

from __future__ import annotations

from tools.safety_doc import TARGET, filled


def test_the_page_is_as_the_screen_is() -> None:
    page = TARGET.read_text("utf-8")
    assert filled(page) == page, "run: python -m tools.safety_doc"
    assert "| `screen_fresh.jsonl` |" in page
    assert "mmol/L" in page
    assert "Signed by:" in page
