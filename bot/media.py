"""Voices, pictures and what else is no text: what the patient hears of them, and how a heard voice becomes words.

A transcript is screened like any text the moment it arrives. It is handled as if typed only after the patient said yes: then
it is put into the conversation as a text message of its own, so that everything behind treats it like one.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from uuid import UUID

from sqlalchemy import select, update
from sqlalchemy.ext.asyncio import AsyncSession

from channels.inbox import own
from channels.inbox.models import InboundMessage
from channels.questions.models import OpenQuestion
from channels.reply import Option, Reply
from channels.wording.labels import label

SAID = "_said"
NOT_SAID = "_not_said"
"""What an option under a voice's transcript means without the engine."""
INSTANCE = "voice:"
_AT_ONCE = 5
"""Voices said back in one question; further ones begin anew."""
_SHOWN = 300
"""Characters of a transcript that are said back."""
_KEPT = {
    "image": "media.kept_image",
    "video": "media.kept_video",
    "shortvideo": "media.kept_video",
    "unsupported": "media.unsupported",
}


def first_answer(message: InboundMessage, hears: bool) -> tuple[Reply | None, str | None]:
    """What to say to a medium when it comes, and the desk's task if there is one. A voice somebody can hear is waited for."""
    if message.event == "voice":
        return (None, None) if hears else (Reply("voice.please_type"), "voice")
    if message.event == "unsupported":
        return Reply("media.unsupported"), None
    if (key := _KEPT.get(message.event)) is not None:
        return Reply(key), "media"
    return Reply("common.please_type"), None


def unreadable(message: InboundMessage) -> tuple[Reply, str | None]:
    """As `first_answer`, for one that could not be fetched, read or heard."""
    return (
        (Reply("voice.please_type"), "voice") if message.event_key == "voice" else (Reply("media.lost"), None)
    )


def ask_back(message: InboundMessage, question: OpenQuestion | None) -> Reply:
    """The question whether this was said, together with what was asked back before and is still open."""
    ids, said = [str(message.id)], message.text or ""
    if question is not None and question.instance.startswith(INSTANCE):
        before = Reply.from_json(question.reply)
        heard = [str(one) for one in before.options[0].params.get("heard", ())] if before.options else []
        if 0 < len(heard) < _AT_ONCE:
            ids, said = [*heard, *ids], f"{before.params.get('said', '')} {said}"
    shown = said if len(said) <= _SHOWN else said[: _SHOWN - 1] + "…"
    return Reply(
        "voice.confirm",
        {"said": shown},
        (
            Option("said", label("voice_said"), SAID, {"heard": ids}),
            Option("not_said", label("voice_not_said"), NOT_SAID),
        ),
    )


async def type_out(
    session: AsyncSession, conversation_id: UUID, question: OpenQuestion, heard: Sequence[str], now: datetime
) -> None:
    """The patient said yes: the transcripts become one text message, and the question they interrupted is open again."""
    ids = [UUID(one) for one in heard]
    rows = await session.scalars(
        select(InboundMessage)
        .where(InboundMessage.id.in_(ids), InboundMessage.conversation_id == conversation_id)
        .order_by(InboundMessage.seq)
    )
    text = " ".join(row.text or "" for row in rows).strip()
    if question.resumes is not None:
        await _reopen(session, conversation_id, question.resumes, now)
    await own.put(session, conversation_id, key=f"typed:{question.id}", kind="text", text=text, now=now)


async def _reopen(session: AsyncSession, conversation_id: UUID, question_id: UUID, now: datetime) -> None:
    """The question a voice interrupted is the open one again, unless its time is over."""
    await session.execute(
        update(OpenQuestion)
        .where(
            OpenQuestion.id == question_id,
            OpenQuestion.conversation_id == conversation_id,
            OpenQuestion.status == "superseded",
            OpenQuestion.expires_at > now,
        )
        .values(status="open", closed_at=None)
        .execution_options(synchronize_session=False)
    )
