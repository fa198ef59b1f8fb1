"""`make bench`."""

from __future__ import annotations

import asyncio

import uvloop

from bench import (
    audience,
    booking,
    callback,
    campaign,
    faq,
    filled,
    nlu,
    outbox,
    plans,
    preview,
    questionnaire,
    timemachine,
    turn,
)
from bench.results import keep


def main() -> None:
    keep(asyncio.run(turn.measure()))
    keep(asyncio.run(questionnaire.measure()))
    keep(asyncio.run(timemachine.measure()))
    keep(asyncio.run(plans.measure(100_000)))
    keep(uvloop.run(outbox.measure()))
    keep(uvloop.run(booking.measure()))
    keep(callback.measure())
    keep(asyncio.run(filled.measure([audience, campaign])))
    keep(asyncio.run(preview.measure()))
    keep(faq.measure())
    keep(nlu.measure())


main()
