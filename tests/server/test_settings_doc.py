"""`docs/settings.md` says what `server/settings.py` says: every setting with default, unit and meaning."""

from __future__ import annotations

import pytest

from server.settings import Settings
from tools import settings_doc


def test_the_page_is_what_the_script_writes() -> None:
    assert settings_doc.TARGET.read_text("utf-8") == settings_doc.render(), (
        "run: python -m tools.settings_doc"
    )


@pytest.mark.parametrize("name", sorted(Settings.model_fields))
def test_every_setting_has_one_complete_row(name: str) -> None:
    page = settings_doc.TARGET.read_text("utf-8").splitlines()
    rows = [line for line in page if line.startswith(f"| `BANYI_{name.upper()}` | ")]
    again = name in ("data_keys", "action_token")  # Rasa is given these too: its table names them once more
    assert len(rows) == 1 + again
    cells = [cell.strip() for cell in rows[0].strip("|").split(" | ")]
    assert len(cells) == 4 and all(cells), rows[0]


def test_groups_name_settings_that_exist() -> None:
    named = [name for names in settings_doc.GROUPS.values() for name in names]
    assert len(named) == len(set(named))
    assert set(named) <= set(Settings.model_fields)
    assert set(settings_doc.UNITS) <= set(Settings.model_fields)


def test_no_generated_or_private_default_reaches_the_page() -> None:
    page = settings_doc.render()
    assert str(settings_doc.ROOT) not in page
