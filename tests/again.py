"""A second try of a failed test (`--reruns`, in CI only): it finds everything but the session's servers new, and what failed first is
shown at the end, so that a failure that hides behind its second try is never lost."""

from __future__ import annotations

from collections.abc import Generator

import pytest
from pytest_rerunfailures import _restore_suspended_finalizers  # type: ignore[import-untyped]

LINES = 60
"""Of each first failure, its last ones."""
FIRST = pytest.StashKey[list[tuple[str, str]]]()


@pytest.hookimpl(tryfirst=True)
def pytest_runtest_setup(item: pytest.Item) -> None:
    """What a module or package shares is taken down: the first try may have left anything in it."""
    if getattr(item, "execution_count", 1) > 1:
        _restore_suspended_finalizers(item)
        item.session._setupstate.teardown_exact(item.session)  # type: ignore[arg-type]


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(
    item: pytest.Item, call: pytest.CallInfo[None]
) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """Keeps what was said when a test failed first."""
    report = yield
    if report.failed and getattr(item, "execution_count", 1) == 1:
        item.config.stash.setdefault(FIRST, []).append((item.nodeid, report.longreprtext))
    return report


def show_first_failures(reporter: pytest.TerminalReporter, config: pytest.Config) -> None:
    """Of tests that were tried again, whatever came of it."""
    again = {report.nodeid for report in reporter.stats.get("rerun", [])}
    for name, text in config.stash.get(FIRST, []):
        if name in again:
            reporter.section(f"first try of {name}", sep="-")
            reporter.write_line("\n".join(text.splitlines()[-LINES:]))
