"""Customer-service quota: five in 48 hours, three in a minute, the larger and the later."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from channels.ports import ChannelName, Inbound
from channels.wechat.window import Grant, Window, grant_of

NOW = datetime(2026, 11, 22, 2, 0, tzinfo=UTC)


@pytest.mark.parametrize(
    ("kind", "count", "seconds"),
    [("message", 5, 48 * 3600), ("click", 3, 60), ("follow", 3, 60), ("scan", 3, 60), ("menu", 3, 60)],
)
def test_grants(kind: Grant, count: int, seconds: int) -> None:
    window = Window().grant(kind, NOW)
    assert window.left(NOW) == count
    assert window.left(NOW + timedelta(seconds=seconds - 1)) == count
    assert window.left(NOW + timedelta(seconds=seconds)) == 0


def test_a_tap_raises_the_count_but_keeps_the_longer_end() -> None:
    window = Window().grant("message", NOW)
    for _ in range(4):
        window = window.spend(NOW)
    later = NOW + timedelta(hours=1)
    assert window.grant("menu", later) == Window(3, NOW + timedelta(hours=48))
    assert window.grant("message", later) == Window(5, later + timedelta(hours=48))


def test_a_full_window_is_not_added_to() -> None:
    window = Window().grant("message", NOW)
    assert window.grant("click", NOW) == window


def test_an_ended_window_leaves_nothing_behind() -> None:
    old = Window().grant("message", NOW)
    late = NOW + timedelta(hours=49)
    assert old.grant("click", late) == Window(3, late + timedelta(seconds=60))


def test_nothing_left_cannot_be_spent() -> None:
    window = Window().grant("click", NOW).spend(NOW).spend(NOW).spend(NOW)
    assert window.left(NOW) == 0
    with pytest.raises(ValueError, match="left"):
        window.spend(NOW)
    assert Window(4, NOW + timedelta(hours=1)).closed().left(NOW) == 0


@pytest.mark.parametrize(
    ("kind", "event", "option", "grant"),
    [
        ("text", "", "", "message"),
        ("text", "", "q:1", "menu"),
        ("media", "voice", "", "message"),
        ("event", "subscribe", "", "follow"),
        ("event", "scan", "", "scan"),
        ("event", "click", "", "click"),
        ("event", "scancode_push", "", "click"),
        ("event", "scancode_waitmsg", "", "click"),
        ("event", "view", "", None),
        ("event", "location", "", None),
        ("event", "unsubscribe", "", None),
        ("event", "templatesendjobfinish", "", None),
    ],
)
def test_what_grants_what(kind: str, event: str, option: str, grant: str | None) -> None:
    message = Inbound(ChannelName.WECHAT, "main", "o", "k", kind, event=event, option_ref=option)  # type: ignore[arg-type]
    assert grant_of(message) == grant
