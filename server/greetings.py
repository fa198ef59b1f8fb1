"""Greetings and warnings, as the house hands them their parts."""

from __future__ import annotations

from pathlib import Path

from care.greetings import rules
from care.greetings.weather import HttpWeather
from care.greetings.worker import GreetingWorker
from server.house import House
from server.settings import SettingsError


def add_greetings(house: House) -> None:
    """The worker, where something is switched on. Raises `SettingsError`."""
    settings = house.settings
    wanted = frozenset(filter(None, (one.strip() for one in settings.greetings.split(","))))
    if wrong := sorted(wanted - rules.names()):
        known = ", ".join(sorted(rules.names()))
        raise SettingsError(f"BANYI_GREETINGS: {', '.join(wrong)} unknown; there are {known}.")
    weather = None
    if settings.weather_url:
        try:
            weather = HttpWeather.of(settings.weather_url, Path(settings.weather_map_file))
        except (OSError, ValueError) as error:
            raise SettingsError(f"BANYI_WEATHER_MAP_FILE: {error}.") from error
    if wanted or weather is not None:
        house.work.workers.append(GreetingWorker(house.database, house.clock, wanted, weather).run)
