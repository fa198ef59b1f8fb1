"""The pages of insight and of what editors should look at next, as the house hands them their parts."""

from __future__ import annotations

from datetime import datetime

from fastapi import FastAPI

from content.feedback.pages import FeedbackDesk, feedback_router
from content.insight.figures.rows import Figures
from content.insight.forecast.pages import ForecastDesk, forecast_router
from content.insight.pages import InsightDesk, insight_router
from content.insight.period import Period
from content.insight.satisfaction.pages import satisfaction_router
from content.insight.shown import speaker
from content.insight.worker import InsightWorker
from server.articles import review_rules
from server.house import House
from server.upkeep import HOUR
from store.rounds import rounds


def add_insight(app: FastAPI, house: House) -> None:
    """Their routes on `app`, their background work in the house."""
    limit = house.settings.insight_small_group

    def render(of: Figures, period: Period, as_of: datetime) -> bytes:
        from content.insight.report.pdf import report  # a second of imports that only a report needs

        return report(of, period, as_of, speaker(limit), house.settings.hospital_name)

    worker = InsightWorker(house.database, house.clock, render)
    house.work.workers += [
        worker.run,
        lambda: rounds("insight.last_month_failed", HOUR, worker.last_month),
    ]
    app.include_router(satisfaction_router(house.database, house.clock, limit))
    forecast = ForecastDesk(
        house.database,
        house.clock,
        limit,
        house.settings.sms_part_price,
        house.settings.follow_up_call_minutes,
    )
    app.include_router(forecast_router(forecast))
    app.include_router(insight_router(InsightDesk(house.database, house.clock, worker.wake, limit)))
    rules = review_rules(house.settings)
    app.include_router(feedback_router(FeedbackDesk(house.database, house.clock, rules, limit)))
