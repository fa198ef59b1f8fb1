"""Failures: told at the moment they happen, so that a run that is ended early has said what it saw; and a second try (`--reruns`, in CI
only), which finds everything but the session's servers new."""

from __future__ import annotations

from collections.abc import Generator

import pytest
from pytest_rerunfailures import _restore_suspended_finalizers  # type: ignore[import-untyped]

LINES = 60
"""Of each failure as it happens, its last ones; the whole is in the summary."""
FAILED = pytest.StashKey[int]()


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
    """Counts what failed, a first try too, before the fixtures of the test are taken down."""
    report = yield
    if report.failed:
        item.config.stash[FAILED] = failures(item.config) + 1
    return report


def failures(config: pytest.Config) -> int:
    """How often something has failed so far in this process, a first try counted."""
    return config.stash.get(FAILED, 0)


class Told:
    """Writes each failure when it happens; of several processes only the one that has the terminal does."""

    def __init__(self, config: pytest.Config) -> None:
        self._config = config

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        reporter = self._config.pluginmanager.get_plugin("terminalreporter")
        if report.outcome in ("failed", "rerun") and reporter is not None:
            again = "tried again" if report.outcome == "rerun" else "failed"
            reporter.section(f"{again}: {report.nodeid} ({report.when}, {report.duration:.0f} s)", sep="-")
            reporter.write_line("\n".join(report.longreprtext.splitlines()[-LINES:]))
