"""Where warnings of weather and air come from: a port, and a source by HTTP that a YAML file explains. Off where no address is set.

The hospital brings its provider: there is no address of anybody's here. The file says where things stand in its JSON:

    headers: {X-Key: ...}             # optional
    list: data.alerts                 # the list, by dots; empty: the answer is the list
    id: alertId
    region: city
    level: level
    kind: typeName
    kinds: {寒潮: cold, 高温: heat, 霾: haze}   # what it calls them → cold, heat, haze
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

import aiohttp
import orjson
import yaml

TIMEOUT = aiohttp.ClientTimeout(total=10, connect=3)
MOST_BYTES, MOST = 256 * 1024, 50
"""What is read of an answer, and of its list."""
LONGEST = 20
"""Characters of a region or level that are said."""


class WeatherError(RuntimeError):
    """The source did not answer, or with something else than the file says."""


@dataclass(frozen=True, slots=True)
class Warned:
    """`kind`: cold, heat, haze, or what the source calls it where the file does not say."""

    id: str
    kind: str
    region: str
    level: str


class Weather(Protocol):
    async def warnings(self) -> Sequence[Warned]:
        """Those in force. Raises `WeatherError`."""
        ...


class HttpWeather:
    """`mapping` as in the module's text."""

    def __init__(self, url: str, mapping: Mapping[str, Any]) -> None:
        self._url, self._map = url, mapping

    @classmethod
    def of(cls, url: str, file: Path) -> HttpWeather:
        """Raises `ValueError` naming what the file lacks."""
        mapping = yaml.safe_load(file.read_text(encoding="utf-8")) or {}
        if missing := sorted({"id", "kind", "kinds"} - set(mapping)):
            raise ValueError(f"{file}: {', '.join(missing)} missing; see docs/reminders.md")
        return cls(url, mapping)

    async def warnings(self) -> Sequence[Warned]:
        try:
            async with (
                aiohttp.ClientSession(timeout=TIMEOUT) as http,
                http.get(self._url, headers=self._map.get("headers") or {}, allow_redirects=False) as answer,
            ):
                body = await answer.content.read(MOST_BYTES)
                if answer.status != 200:
                    raise WeatherError(f"answered {answer.status}")
            found = orjson.loads(body)
        except (aiohttp.ClientError, TimeoutError, OSError, orjson.JSONDecodeError) as error:
            raise WeatherError(type(error).__name__) from error
        for name in filter(None, str(self._map.get("list") or "").split(".")):
            found = found.get(name) if isinstance(found, dict) else None
        if not isinstance(found, list):
            raise WeatherError("no list where the file says")
        return [one for raw in found[:MOST] if isinstance(raw, dict) and (one := self._one(raw)) is not None]

    def _one(self, raw: Mapping[str, Any]) -> Warned | None:
        def text(field: str) -> str:
            return str(raw.get(self._map.get(field, ""), "") or "")

        kind = self._map["kinds"].get(text("kind"), text("kind"))
        if not text("id"):
            return None
        return Warned(text("id")[:80], str(kind), text("region")[:LONGEST], text("level")[:LONGEST])
