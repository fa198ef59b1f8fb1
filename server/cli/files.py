"""`load` and `export`: data in and out as CSV, JSON or JSON Lines; all or nothing, row errors named."""

from __future__ import annotations

import asyncio
import csv
import json
import sys
from collections.abc import Awaitable, Callable
from enum import StrEnum
from pathlib import Path
from typing import Annotated, Any

import typer
from sqlalchemy.ext.asyncio import AsyncSession

from server.cli import articles, questionnaires
from server.settings import SettingsError, load_settings


class Loadable(StrEnum):
    PATIENTS = "patients"
    SCHEDULE = "schedule"
    CONDITIONS = "conditions"
    ENCOUNTERS = "encounters"
    PROCEDURES = "procedures"
    PREGNANCIES = "pregnancies"
    REPORTS = "reports"
    ARTICLES = "articles"
    FAQ = "faq"
    QUESTIONNAIRES = "questionnaires"
    SMS_TEMPLATES = "sms-templates"


class Exportable(StrEnum):
    FAQ = "faq"
    SCHEDULE = "schedule"
    ARTICLES = "articles"
    APPOINTMENTS = "appointments"
    QUESTIONNAIRES = "questionnaires"
    QUESTIONNAIRE_RESPONSES = "questionnaire-responses"
    SMS_TEMPLATES = "sms-templates"


def add_to(app: typer.Typer) -> None:
    app.command(
        help="Load patients, conditions, encounters, procedures, pregnancies, reports, schedule, articles, faq, questionnaires or "
        "the review of sms-templates.\n\n"
        "Example: ./banyi load patients patients.csv"
    )(load)
    app.command(
        help="Write data as JSON Lines; articles also as files.\n\nExample: ./banyi export faq > faq.jsonl"
    )(export)


def read_rows(path: Path) -> list[dict[str, Any]]:
    """Rows of a CSV (with a header), a JSON list or JSON Lines file. Raises `SettingsError`."""
    try:
        text = path.read_text("utf-8-sig")
    except (OSError, UnicodeDecodeError) as error:
        raise SettingsError(f"{path}: cannot be read as UTF-8 text ({error})") from error
    if path.suffix.lower() == ".csv":
        return [dict(row) for row in csv.DictReader(text.splitlines())]
    try:
        if text.lstrip().startswith("["):
            rows = json.loads(text)
        else:
            rows = [json.loads(line) for line in text.splitlines() if line.strip()]
    except json.JSONDecodeError as error:
        raise SettingsError(f"{path}: not JSON: {error}") from error
    if not all(isinstance(row, dict) for row in rows):
        raise SettingsError(f"{path}: every row must be an object")
    return list(rows)


def load(what: Loadable, file: Annotated[Path, typer.Argument(exists=True)]) -> None:
    from server.house import build

    if file.is_dir() and what is not Loadable.ARTICLES:
        raise SettingsError(f"{file} is a folder; only articles load from one")

    async def work() -> str:
        house = build(load_settings())
        try:
            async with house.database.write(f"load-{what}") as session:
                if what in CARE:
                    return await _care(session, what, file, house.clock)
                if what is Loadable.ARTICLES:
                    return await articles.load(session, file, house.clock.now())
                if what is Loadable.QUESTIONNAIRES:
                    return await questionnaires.load(session, file, house.clock.now())
                return await _loader(what)(session, read_rows(file), house.clock)
        finally:
            await house.close()

    try:
        print("✓ " + asyncio.run(work()))
    except ValueError as error:
        raise SettingsError(f"nothing was loaded from {file}:\n{error}") from error


CARE = (
    Loadable.PATIENTS,
    Loadable.SCHEDULE,
    Loadable.CONDITIONS,
    Loadable.ENCOUNTERS,
    Loadable.PROCEDURES,
    Loadable.PREGNANCIES,
    Loadable.REPORTS,
)


async def _care(session: AsyncSession, what: Loadable, file: Path, clock: Any) -> str:
    """The hospital's own files: Chinese or English column names, UTF-8 or GB 18030 (`care.files`)."""
    from care import files, loading
    from care.records.loading import load_records
    from care.reports.loading import load_reports

    rows = files.read_rows(file)
    if what is Loadable.PATIENTS:
        report = await loading.load_patients(session, rows, clock.now())
    elif what is Loadable.SCHEDULE:
        report = await loading.load_schedule(session, rows)
    elif what is Loadable.REPORTS:
        report = await load_reports(session, rows, clock)
    else:
        report = await load_records(session, what, rows, clock.local().date())
    return f"{what}: {report.created} added, {report.updated} brought up to date"


Loader = Callable[[AsyncSession, list[dict[str, Any]], Any], Awaitable[str]]


def _loader(what: Loadable) -> Loader:
    async def faq(session: AsyncSession, rows: list[dict[str, Any]], clock: Any) -> str:
        from content.faq import service

        for row in rows:
            for name in ("similar", "keywords"):
                if isinstance(row.get(name), str):
                    row[name] = [part.strip() for part in row[name].split("|") if part.strip()]
        changed = await service.load(session, rows, clock.now())
        twice = [f"\n  {text}: {one}, {other}" for text, one, other in await service.clashes(session)]
        told = f"; the same question stands in two entries:{''.join(twice)}" if twice else ""
        return f"{changed} FAQ entries are new or changed{told}"

    async def templates(session: AsyncSession, rows: list[dict[str, Any]], clock: Any) -> str:
        from channels.wording import registry

        account = load_settings().sms_account
        changed = await registry.review(session, rows, clock.now(), account_id=account)
        return f"{changed} SMS templates changed; the application reads them within a minute"

    return {"faq": faq, "sms-templates": templates}[what.value]


def export(
    what: Exportable,
    to: Annotated[
        Path | None, typer.Argument(help="articles only: a folder, or a .csv, .xlsx or .jsonl file")
    ] = None,
) -> None:
    from server.house import build

    if to is not None and what is not Exportable.ARTICLES:
        raise SettingsError("only articles are written to a file or folder; the others go to standard output")

    async def work() -> list[dict[str, Any]]:
        house = build(load_settings())
        try:
            if what is Exportable.QUESTIONNAIRE_RESPONSES:  # each is a look at a patient, which leaves a row
                async with house.database.write(f"export-{what}") as session:
                    return await questionnaires.responses(session, house.clock.now())
            async with house.database.read(f"export-{what}") as session:
                if to is not None:
                    print(await articles.export(session, to), file=sys.stderr)
                    return []
                return await _exporter(what)(session)
        finally:
            await house.close()

    for row in asyncio.run(work()):
        sys.stdout.write(json.dumps(row, ensure_ascii=False, default=str) + "\n")


def _exporter(what: Exportable) -> Callable[[AsyncSession], Awaitable[list[dict[str, Any]]]]:
    from sqlalchemy import select

    async def faq(session: AsyncSession) -> list[dict[str, Any]]:
        from content.faq.service import published

        names = ("category", "question", "similar", "keywords", "answer", "sms", "source")
        return [
            {"id": one.slug, **{name: getattr(one, name) for name in names}}
            for one in await published(session)
        ]

    async def schedule(session: AsyncSession) -> list[dict[str, Any]]:
        from care.loading import export_schedule

        return await export_schedule(session)

    async def appointments(session: AsyncSession) -> list[dict[str, Any]]:
        from care.appointments.models import Appointment

        rows = await session.scalars(select(Appointment).order_by(Appointment.start))
        names = (
            "id",
            "status",
            "patient_id",
            "practitioner_id",
            "department_id",
            "start",
            "day",
            "part",
            "created_via",
        )
        return [{name: getattr(row, name) for name in names} for row in rows]

    async def templates(session: AsyncSession) -> list[dict[str, Any]]:
        from channels.wording.models import SmsTemplateRow

        rows = await session.scalars(
            select(SmsTemplateRow).order_by(
                SmsTemplateRow.account_id, SmsTemplateRow.key, SmsTemplateRow.options
            )
        )
        return [
            {
                "account": row.account_id,
                "code": row.code,
                "key": row.key,
                "options": row.options,
                "kind": row.kind,
                "text": row.text,
                "state": row.state,
            }
            for row in rows
        ]

    return {
        Exportable.FAQ: faq,
        Exportable.ARTICLES: articles.rows,
        Exportable.SCHEDULE: schedule,
        Exportable.APPOINTMENTS: appointments,
        Exportable.QUESTIONNAIRES: questionnaires.definitions,
        Exportable.SMS_TEMPLATES: templates,
    }[what]
