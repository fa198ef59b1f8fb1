"""Conversations as data: what the patient says, what is expected of the bot and of the rows, played on a phone.

    title: what it shows
    channels: [wechat, sms]            # default both
    who: [{name: 陈晓, sex: female}]    # whom the phone speaks for; [] for a stranger
    holder: unknown                   # who answers the phone (SMS), as far as is known; default self
    record: [{name: 孙丽}]              # on record, bound to nobody
    lines:
      - P: 停车怎么收费                  # says it
      - tap: 2                         # taps the second item (SMS: answers 2), or the one whose label matches
      - do: {action: menu, key: BOOK}  # anything else a WeChat user does
      - B: faq.answer /停车/            # the reply's key (with * and |), then a pattern found in what the phone shows
      - row: {appointments: 1}         # facts, as `Phone.facts` names them
      - push: reminder                 # the house queues what nobody asked for: a reminder, a survey
      - asked: holder.ask              # waits until this question is open
      - unasked: sent                  # it reaches the phone (expect it with B), or waits for the reason named
      - wait: 11m                      # business time passes

Every reply must be expected: one `B` a reply, in order. A value may differ by channel: `{wechat: …, sms: …}`. `{name}`,
`{number}` and `{phone}` stand for the first of `record`, `{me}` for the first of `who`, `{code}` for the code last sent to that
phone, `{wrong}` for another one.
"""

from __future__ import annotations

import fnmatch
import re
from dataclasses import dataclass, field
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import yaml

from tests.e2e.installation import SMS, WECHAT, Installation, http, wait_until
from tests.e2e.phone import Person, Phone, Said, put_on_record
from tests.e2e.pushes import PUSHES

FOLDER = Path(__file__).parent / "conversations"
_UNITS = {"s": 1, "m": 60, "h": 3600, "d": 86400}
_EXPECTED = re.compile(r"(?P<keys>\S+)(?:\s+/(?P<pattern>.*)/)?", re.DOTALL)
_CODE = re.compile(r"(?<!\d)\d{6}(?!\d)")


@dataclass(frozen=True, slots=True)
class Story:
    """One conversation of a file."""

    file: str
    title: str
    lines: list[dict[str, Any]]
    channels: tuple[str, ...] = (WECHAT, SMS)
    who: tuple[Person, ...] = (Person("陈晓"),)
    record: tuple[Person, ...] = ()
    holder: str = "self"

    @property
    def id(self) -> str:
        return f"{self.file}-{self.title}"


def read(*names: str) -> list[Story]:
    """Every story of the named files (default: all), in order."""
    files = [FOLDER / f"{name}.yml" for name in names] or sorted(FOLDER.glob("*.yml"))
    return [_story(file.stem, raw) for file in files for raw in yaml.safe_load(file.read_text("utf-8"))]


def _story(file: str, raw: dict[str, Any]) -> Story:
    unknown = set(raw) - {"title", "channels", "who", "record", "lines", "holder"}
    assert not unknown, f"{file}: {raw.get('title')}: what is {unknown}?"
    who = tuple(_person(one) for one in raw["who"]) if "who" in raw else (Person("陈晓"),)
    record = tuple(_person(one) for one in raw.get("record", ()))
    channels = tuple(raw.get("channels", (WECHAT, SMS)))
    return Story(file, raw["title"], raw["lines"], channels, who, record, str(raw.get("holder", "self")))


def _person(raw: dict[str, Any]) -> Person:
    fields = dict(raw)
    if "born" in fields:
        fields["born"] = date.fromisoformat(str(fields["born"]))
    return Person(**fields)


@dataclass
class Player:
    """Plays one story on one phone."""

    home: Installation
    story: Story
    channel: str
    phone: Phone = field(init=False)
    record: list[Person] = field(init=False)
    replies: list[Said] = field(default_factory=list)
    heard: bool = True

    def play(self) -> Phone:
        self.record = put_on_record(self.home, *self.story.record) if self.story.record else []
        self.phone = Phone.open(self.home, self.channel, *self.story.who, holder=self.story.holder)
        for line in self.story.lines:
            assert len(line) == 1, f"one thing a line: {line}"
            ((kind, value),) = line.items()
            self._line(kind, self._here(value))
        self._all_expected()
        return self.phone

    def _here(self, value: Any) -> Any:
        if isinstance(value, dict) and value and set(value) <= {WECHAT, SMS}:
            return value.get(self.channel)
        return value

    def _line(self, kind: str, value: Any) -> None:
        if value is None:
            return  # not on this channel
        if kind in ("P", "tap", "do"):
            self._all_expected()
            if kind == "P":
                turn = self.phone.say(self._filled(str(value)))
            elif kind == "tap":
                turn = self.phone.tap(value)
            else:
                given = dict(value)
                turn = self.phone.act(str(given.pop("action")), given)
            self.replies = [one for one in turn.replies if one.key != "common.please_wait"]
        elif kind == "B":
            assert self.replies, f"expected {value}, nothing more was said\n{self.phone}"
            self._expect(self.replies.pop(0), self._filled(str(value)))
        elif kind == "row":
            facts = self.phone.facts()
            for name, wanted in value.items():
                assert name in facts, f"no fact is called {name}"
                wanted = self._here(wanted)
                assert facts[name] == wanted, f"{name} is {facts[name]!r}, not {wanted!r}\n{self.phone}"
        elif kind == "push":
            self._all_expected()
            self.phone.push(PUSHES[value])
        elif kind == "asked":
            wait_until(lambda: self.phone.facts()["question"] == value or None, f"{value} is asked", 25)
        elif kind == "unasked":
            self._all_expected()
            said = self.phone.unasked(value)
            self.replies = [] if said is None else [said]
        elif kind == "wait":
            self.home.advance(timedelta(seconds=int(value[:-1]) * _UNITS[value[-1]]))
        else:
            raise AssertionError(f"what is {kind}?")

    def _expect(self, reply: Said, value: str) -> None:
        match = _EXPECTED.fullmatch(value)
        assert match is not None, value
        keys = match["keys"].split("|")
        fits = any(fnmatch.fnmatchcase(reply.key, key) for key in keys)
        assert fits, f"expected {value}, not {reply.key}: {reply.text}\n{self.phone}"
        assert reply.status in ("accepted", "delivered"), f"{reply.key} is {reply.status}\n{self.phone}"
        pattern = match["pattern"]
        assert pattern is None or re.search(pattern, reply.text, re.DOTALL), (
            f"no /{pattern}/ in: {reply.text}\n{self.phone}"
        )

    def _all_expected(self) -> None:
        rest = [reply.key for reply in self.replies]
        assert not rest, f"nobody expected {rest}\n{self.phone}"

    def _filled(self, text: str) -> str:
        if self.record:
            one = self.record[0]
            text = (
                text.replace("{name}", one.name).replace("{number}", one.number).replace("{phone}", one.phone)
            )
            if "{code}" in text or "{wrong}" in text:
                code = code_sent_to(self.home, one.phone)
                text = text.replace("{code}", code).replace("{wrong}", f"{(int(code) + 1) % 1_000_000:06d}")
        if self.phone.people:
            text = text.replace("{me}", self.phone.people[0].name)
        return text


def code_sent_to(home: Installation, phone: str) -> str:
    """The six figures last sent by SMS to a number of the mainland, read on that handset."""

    def found() -> str | None:
        url = f"{home.simulator(SMS)}/_sim/transcript?address=%2B86{phone}"
        codes = [match[0] for event in http("GET", url).json() if (match := _CODE.search(event["text"]))]
        return codes[-1] if codes else None

    return wait_until(found, f"a code reached {phone}", 15)
