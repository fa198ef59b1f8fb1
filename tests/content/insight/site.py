"""The pages of insight and feedback over a test's database; `app.state.worker` counts when it is told to, or runs."""

from __future__ import annotations

from datetime import datetime

from fastapi import FastAPI

from content.articles.pages import ArticleDesk, articles_router
from content.feedback.pages import FeedbackDesk, feedback_router
from content.insight.figures.rows import Figures
from content.insight.forecast.pages import ForecastDesk, forecast_router
from content.insight.pages import InsightDesk, insight_router
from content.insight.period import Period
from content.insight.report.pdf import report
from content.insight.satisfaction.pages import satisfaction_router
from content.insight.shown import speaker
from content.insight.worker import InsightWorker
from store.clock import Clock
from store.database import Database
from tests.content.articles.site import FRAME
from tests.factories.articles import RULES
from web.build import build
from web.shell import NavLink, install_shell
from web.signin.pages import signin_router

HOSPITAL = "云江市示范医院"
LIMIT = 10
PRICE, MINUTES = 0.05, 6.0


def render(of: Figures, period: Period, as_of: datetime) -> bytes:
    return report(of, period, as_of, speaker(LIMIT), HOSPITAL)


def insight_app(database: Database, clock: Clock) -> FastAPI:
    build()
    app = FastAPI()
    app.state.database, app.state.clock, app.state.hospital_name = database, clock, HOSPITAL
    app.state.nav = [NavLink("成效", "/insight"), NavLink("待改进", "/content/feedback")]
    install_shell(app)
    app.include_router(signin_router())
    app.state.worker = InsightWorker(database, clock, render)
    app.include_router(satisfaction_router(database, clock, LIMIT))
    app.include_router(forecast_router(ForecastDesk(database, clock, LIMIT, PRICE, MINUTES)))
    app.include_router(insight_router(InsightDesk(database, clock, app.state.worker.wake, LIMIT)))
    app.include_router(feedback_router(FeedbackDesk(database, clock, RULES, LIMIT)))
    app.include_router(articles_router(ArticleDesk(database, clock, RULES, FRAME)))
    return app
