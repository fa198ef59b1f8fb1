"""All tests on two cores: a room of tests (`tests/care`, …) stays in one process and in its order, rooms go side by side.

The longest one begins, so that the others fill the time beside it.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from xdist.remote import Producer
    from xdist.scheduler import LoadScopeScheduling

LONGEST = "tests/e2e/"


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: Producer) -> LoadScopeScheduling:
    """Instead of xdist's own, whose groups (`--dist loadgroup`) pytest 9.2 no longer knows."""
    from xdist.scheduler import LoadScopeScheduling

    class Rooms(LoadScopeScheduling):
        def _split_scope(self, nodeid: str) -> str:
            return "/".join(Path(nodeid.partition("::")[0]).parts[:2])

    config.option.loadscopereorder = False  # the order is the one below
    return Rooms(config, log)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    items.sort(key=lambda item: not item.nodeid.startswith(LONGEST))
