"""`load questionnaires`, `export questionnaires` and `export questionnaire-responses`: FHIR JSON, one resource a line."""

from __future__ import annotations

from datetime import datetime
from pathlib import Path
from typing import Any

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession


async def load(session: AsyncSession, path: Path, now: datetime) -> str:
    """Drafts from a file, all or none. Raises `ValueError` naming every one that is wrong."""
    from care.questionnaires.checking import check
    from care.questionnaires.editor import drafts
    from care.questionnaires.errors import DefinitionError
    from care.questionnaires.files import read_text

    found, wrong = read_text(path.read_text("utf-8-sig")), []
    for number, raw in enumerate(found, 1):
        try:
            check(raw)
        except DefinitionError as error:
            wrong.append(f"{number} ({raw.get('name', '?')}): {error}")
    if wrong:
        raise ValueError("\n".join(wrong))
    for raw in found:
        await drafts.save(session, raw, staff=None, now=now)
        drafts.note(session, None, "create", str(raw["name"]), now)
    return f"questionnaires: {len(found)} drafts; nobody is asked before they are published at /content/questionnaires"


async def definitions(session: AsyncSession) -> list[dict[str, Any]]:
    """The newest published state of each."""
    from care.questionnaires.publishing import current

    return [row.definition for row in await current(session)]


async def responses(session: AsyncSession, now: datetime) -> list[dict[str, Any]]:
    """Every response of a patient; an audit row for each."""
    from care.questionnaires.definition import Definition, read_definition
    from care.questionnaires.fhir import response_resource
    from care.questionnaires.models import Questionnaire, QuestionnaireResponse
    from store import audit

    known: dict[Any, Definition] = {
        row.id: read_definition(row.definition) for row in await session.scalars(select(Questionnaire))
    }
    rows = await session.scalars(
        select(QuestionnaireResponse)
        .where(QuestionnaireResponse.patient_id.is_not(None))
        .order_by(QuestionnaireResponse.started_at, QuestionnaireResponse.id)
    )
    found = []
    for row in rows:
        assert row.patient_id is not None
        whom = audit.subject_of("patient", row.patient_id)
        detail = {"page": "responses", "response": str(row.id)}
        audit.record(session, actor="system", action="export", subject=whom, at=now, detail=detail)
        found.append(response_resource(known[row.questionnaire_id], row))
    return found
