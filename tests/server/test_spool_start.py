"""Nothing starts that could lose a message: the spool is tried first."""

from __future__ import annotations

from pathlib import Path

import pytest

from server.serve import prepare
from server.settings import Settings, SettingsError


async def test_start_refuses_when_the_spool_cannot_be_written(tmp_path: Path) -> None:
    (tmp_path / "spool").write_text("a file where the folder should be")
    with pytest.raises(SettingsError, match="BANYI_SPOOL_DIR"):
        await prepare(Settings(var_dir=tmp_path))
