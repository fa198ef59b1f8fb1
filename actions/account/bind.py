"""Binding a patient to this contact: for whom, consent, name, record number (or the ID, whole or its last four), a code to the phone
on record. Nothing personal is asked or shown before both consents (PIPL art. 13, 29; for a young child a guardian's, art. 31).

Says the same whether a record exists or not. What was typed so far is a row, encrypted, gone when the dialogue ends.
"""

from __future__ import annotations

import re
from datetime import datetime
from typing import Any, ClassVar
from uuid import UUID

from sqlalchemy import String, delete, select

from actions import say
from actions.account import agreeing, consent_ways, reading
from actions.forms import SURE, Dialog
from actions.turn import Turn, option, way_to
from care.binding import qr
from care.binding import service as binding
from care.patients import family
from care.patients import service as patients
from care.patients.models import Relation
from care.privacy.consents import Ask
from channels.inbox.models import InboundMessage
from channels.wording.labels import label
from store.base import Base, EncryptedJson, Mapped, UtcDateTime, mapped_column, sealed_column, uuid_pk

_NAME = re.compile(r"(?:我?(?:叫|是|姓名)[:：是]?)?\s*([\u4e00-\u9fff·]{2,12})")
_ID = re.compile(r"(?<!\d)\d{17}[\dXx](?!\d)")
_NUMBER = re.compile(r"[A-Za-z]{0,3}\d{4,12}[Xx]?")
_CODE = re.compile(r"(?<!\d)(\d{6})(?!\d)")
_LAST4 = re.compile(r"\d{3}[\dXx]")
_MYSELF = re.compile(r"本人|自己|我的?$")
_RELATIONS = (
    Relation.SELF,
    Relation.CHILD,
    Relation.MOTHER,
    Relation.FATHER,
    Relation.SPOUSE,
    Relation.OTHER,
)
_BY_SMS = (Relation.SELF, Relation.CHILD, Relation.SPOUSE, Relation.OTHER)
"""As many as an SMS holds; who writes "我妈" is understood all the same."""


class BindingDraft(Base):
    """`step`: relation, consent, name, number, code; after scanning a code shown by staff consent, last4 or code. `data`: what was typed,
    `agreed`: purposes agreed to in this dialog."""

    __tablename__ = "binding_draft"

    id: Mapped[UUID] = uuid_pk()
    conversation_id: Mapped[UUID] = mapped_column(unique=True)
    step: Mapped[str] = mapped_column(String(10))
    data = EncryptedJson()
    data_sealed: Mapped[bytes | None] = sealed_column()
    challenge_id: Mapped[UUID | None]
    updated_at: Mapped[datetime] = mapped_column(UtcDateTime)


class BindDialog(Dialog):
    name: ClassVar[str] = "bind"
    leads_out: ClassVar[dict[str, str]] = {"book_appointment": "action_booking_start"}

    async def start(self, turn: Turn) -> None:
        await self._drop(turn)
        if turn.params.get("qr"):
            await self._scanned(turn)
            return
        mention = family.mentioned(turn.text) if turn.text else None
        draft = BindingDraft(
            conversation_id=turn.conversation.id, step="relation", data={}, updated_at=turn.now
        )
        turn.session.add(draft)
        if mention is not None:
            await self._for(turn, draft, mention.relation, mention.word)
        await turn.session.flush()
        turn.start_form(self.name)

    async def _for(
        self, turn: Turn, draft: BindingDraft, relation: Relation, word: str | None = None
    ) -> None:
        """Whom it is for is known: next comes what must be agreed to."""
        draft.data = {"relation": relation.value, "label": word}
        await self._go_on(turn, draft)

    async def _go_on(self, turn: Turn, draft: BindingDraft) -> None:
        """To the next consent, or past them."""
        draft.updated_at = turn.now
        if await self._asks(turn, draft):
            draft.step = "consent"
        elif "qr" not in draft.data:
            draft.step = "name"
        elif draft.data["check"] == "code":
            relation = _relation(Relation(draft.data["relation"]))
            turn.say("bind.qr_found", name=draft.data["name"], relation=relation)
            await self._send_code(turn, draft)
        else:
            draft.step = "last4"

    @staticmethod
    async def _asks(turn: Turn, draft: BindingDraft) -> list[Ask]:
        """What is still to be agreed to."""
        return await agreeing.asks(turn, Relation(draft.data["relation"]), draft.data.get("agreed", ()))

    async def _answered(self, turn: Turn, draft: BindingDraft, granted: bool) -> None:
        purpose = await agreeing.answered(turn, (await self._asks(turn, draft))[0], granted)
        if not granted:
            await self._end(turn)
            return
        draft.data = {**draft.data, "agreed": [*draft.data.get("agreed", ()), purpose]}
        await self._go_on(turn, draft)

    async def _scanned(self, turn: Turn) -> None:
        """A code shown by staff: its token is in the message, never with the engine."""
        message = await turn.session.get(InboundMessage, turn.inbound_id)
        found = await qr.scan(
            turn.session,
            message.event_key if message is not None else "",
            contact_id=turn.contact.id,
            account_id=turn.contact.account_id,
            now=turn.now,
        )
        if isinstance(found, qr.Refused):
            turn.say(f"bind.qr_{found.why}", way_to("request_human", label("human")))
            return
        data = {
            "qr": str(found.qr_id),
            "patient": str(found.patient_id),
            "name": found.masked_name,
            "relation": found.relation.value,
            "check": found.check,
        }
        draft = BindingDraft(
            conversation_id=turn.conversation.id, step="scanned", data=data, updated_at=turn.now
        )
        turn.session.add(draft)
        await turn.session.flush()
        await self._go_on(turn, draft)
        if draft.step != "scanned":
            turn.start_form(self.name)

    async def ask(self, turn: Turn) -> None:
        draft = await self._draft(turn)
        if draft is not None and draft.step == "last4":
            turn.say(
                "bind.qr_ask_last4",
                option("not_mine", label("qr_not_mine")),
                name=draft.data["name"],
                relation=_relation(Relation(draft.data["relation"])),
            )
            return
        if draft is None or draft.step == "relation":
            offered = _BY_SMS if turn.is_sms else _RELATIONS
            turn.say("bind.ask_relation", *(option(one.value, _relation(one)) for one in offered))
        elif draft.step == "consent":
            agreeing.say(turn, (await self._asks(turn, draft))[0])
        elif draft.step == "name":
            turn.say("bind.ask_name")
        elif draft.step == "number":
            turn.say("bind.ask_number", name=draft.data.get("name", ""))
        else:
            turn.say(
                "bind.ask_code", option("resend", label("resend")), option("other", label("other_person"))
            )

    async def choose(self, turn: Turn, answer: str) -> bool:
        draft = await self._draft(turn)
        if draft is not None and draft.step == "last4" and answer == "not_mine":
            await qr.declined(turn.session, UUID(draft.data["qr"]), contact_id=turn.contact.id, now=turn.now)
            turn.say("bind.qr_declined")
            await self._end(turn)
            return True
        if draft is not None and draft.step == "relation" and answer in list(Relation):
            await self._for(turn, draft, Relation(answer))
            return True
        if draft is not None and draft.step == "consent" and answer in ("agree", "refuse"):
            await self._answered(turn, draft, answer == "agree")
            return True
        if draft is None or draft.step != "code":
            return False
        if answer == "resend":
            await self._send_code(turn, draft)
        elif answer == "other":
            draft.step, draft.challenge_id, draft.data = "relation", None, {}
        else:
            return False
        return True

    async def read(self, turn: Turn) -> bool:
        draft = await self._draft(turn)
        if draft is None:
            await self.start(turn)
            turn.events = [event for event in turn.events if event["event"] != "followup"]
            return True
        reader = {
            "relation": self._whom,
            "consent": self._consent,
            "name": self._name,
            "number": self._number,
            "code": self._code,
            "last4": self._last4,
        }[draft.step]
        return await reader(turn, draft)

    async def _whom(self, turn: Turn, draft: BindingDraft) -> bool:
        mention = family.mentioned(turn.text)
        if mention is not None:
            await self._for(turn, draft, mention.relation, mention.word)
        elif _MYSELF.search(turn.text.strip()) is not None:
            await self._for(turn, draft, Relation.SELF)
        else:
            return False
        return True

    async def _consent(self, turn: Turn, draft: BindingDraft) -> bool:
        """Only a plain yes or no; what is neither is asked again."""
        if turn.intent not in ("affirm", "deny") or turn.confidence < SURE:
            return False
        await self._answered(turn, draft, turn.intent == "affirm")
        return True

    async def _name(self, turn: Turn, draft: BindingDraft) -> bool:
        match = _NAME.fullmatch(turn.text.strip())
        if match is None or (
            turn.confidence >= 0.9 and turn.intent in ("request_human", "ask_faq", "greet", "thank", "affirm")
        ):
            return False
        draft.data = {**draft.data, "name": match[1]}
        draft.step, draft.updated_at = "number", turn.now
        return True

    async def _number(self, turn: Turn, draft: BindingDraft) -> bool:
        said = turn.text.replace(" ", "")
        match = _ID.search(said) or _NUMBER.search(said)
        if match is None:
            return False
        number = match[0].upper()
        kind = "id" if _ID.fullmatch(number) else "last4" if _LAST4.fullmatch(number) else "number"
        draft.data = {**draft.data, "id": None, "last4": None, "number": None, kind: number}
        await self._send_code(turn, draft)
        return True

    async def _last4(self, turn: Turn, draft: BindingDraft) -> bool:
        match = _LAST4.fullmatch(turn.text.replace(" ", "").upper())
        if match is None:
            return False
        result = await qr.confirm(
            turn.session, UUID(draft.data["qr"]), match[0], contact_id=turn.contact.id, now=turn.now
        )
        match result:
            case binding.Bound() as made:
                await self._done(turn, made)
            case binding.Wrong(left=left):
                turn.say("bind.qr_wrong_last4", left=left)
            case binding.Expired():
                turn.say("bind.qr_expired")
                await self._end(turn)
            case binding.Locked():
                turn.say("bind.locked", way_to("request_human", label("human")))
                await self._end(turn)
        return True

    async def _done(self, turn: Turn, made: binding.Bound) -> None:
        """What was agreed to is now the patient's; without a guardian's word a young child is not bound."""
        patient = await patients.get(turn.session, made.patient_id)
        assert patient is not None
        if await agreeing.handed_on(turn, patient, made):
            turn.say(
                "bind.done",
                way_to("book_appointment", label("book")),
                way_to("check_appointment", label("my_appointments")),
                await consent_ways.first_offer(turn) or reading.to_settings(),
                name=patient.name,
                relation=_relation(made.relation),
            )
        await self._end(turn)

    async def _send_code(self, turn: Turn, draft: BindingDraft) -> None:
        started = await self._start_challenge(turn, draft.data)
        if isinstance(started, binding.TooMany):
            turn.say("bind.too_many", retry=say.moment(turn.services.clock.local(started.retry_at)))
            await self._end(turn)
            return
        draft.step, draft.challenge_id, draft.updated_at = "code", started.challenge_id, turn.now
        if started.outgoing is not None:
            await turn.services.codes.send(
                turn.session, started.outgoing.phone, started.outgoing.code, f"code:{started.challenge_id}"
            )

    @staticmethod
    async def _start_challenge(turn: Turn, data: dict[str, Any]) -> binding.Started | binding.TooMany:
        relation = Relation(data["relation"])
        if "qr" in data:
            patient = await patients.get(turn.session, UUID(data["patient"]))
            assert patient is not None
            return await binding.start_for(
                turn.session, patient, contact_id=turn.contact.id, relation=relation, now=turn.now
            )
        return await binding.start(
            turn.session,
            contact_id=turn.contact.id,
            name=data["name"],
            record_number=data.get("number"),
            id_last4=data.get("last4"),
            id_number=data.get("id"),
            relation=relation,
            label=data.get("label"),
            now=turn.now,
        )

    async def _code(self, turn: Turn, draft: BindingDraft) -> bool:
        match = _CODE.search(turn.text)
        if match is None:
            if any(character.isdigit() for character in turn.text):
                turn.say("bind.bad_code")
                return True
            return False
        assert draft.challenge_id is not None
        result = await binding.confirm(
            turn.session, draft.challenge_id, match[1], contact_id=turn.contact.id, now=turn.now
        )
        match result:
            case binding.Bound() as made:
                if "qr" in draft.data:
                    await qr.bound_by_code(
                        turn.session, UUID(draft.data["qr"]), contact_id=turn.contact.id, now=turn.now
                    )
                await self._done(turn, made)
            case binding.Wrong(left=left):
                turn.say("bind.wrong_code", left=left)
            case binding.Expired():
                turn.say("bind.expired")
                draft.step, draft.challenge_id = "name", None
            case binding.Locked():
                turn.say("bind.locked", way_to("request_human", label("human")))
                await self._end(turn)
        return True

    async def back(self, turn: Turn) -> None:
        draft = await self._draft(turn)
        before = {"consent": "relation", "name": "relation", "number": "name", "code": "number"}
        if draft is None or "qr" in draft.data or draft.step not in before:
            turn.say("form.first_step")
            return
        draft.step = before[draft.step]

    async def quit(self, turn: Turn) -> None:
        turn.say("form.left")
        await self._end(turn)

    async def suspend(self, turn: Turn) -> None:
        await self._drop(turn)

    async def _end(self, turn: Turn) -> None:
        await self._drop(turn)
        turn.leave_form()

    @staticmethod
    async def _draft(turn: Turn) -> BindingDraft | None:
        query = select(BindingDraft).where(BindingDraft.conversation_id == turn.conversation.id)
        return (await turn.session.scalars(query)).one_or_none()

    @staticmethod
    async def _drop(turn: Turn) -> None:
        await turn.session.execute(
            delete(BindingDraft).where(BindingDraft.conversation_id == turn.conversation.id)
        )


def _relation(relation: Relation) -> str:
    return label(f"relation_{relation.value}")
