"""`PlanWays`: the ways of `care.plans.ports`, each once a touch and version. Everything said is a row in the tick's own transaction."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from copy import copy
from datetime import datetime, time, timedelta
from uuid import UUID

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from actions.appointments.offering import half_day
from actions.plans.together import How, Together
from actions.plans.whom import choose, talk_of, talks_of
from actions.services import Services
from care.appointments import slots
from care.followup import service as followup
from care.hospital.models import HealthcareService
from care.patients.models import Patient
from care.plans import sms
from care.plans.definition import Step
from care.plans.models import CarePlan, Touch
from care.plans.ports import Left, Never, NotNow, Outcome, touch_key
from care.questionnaires import responses
from care.questionnaires.publishing import latest
from channels.chinatime import CHINA
from channels.contacts.models import Conversation
from channels.outbox import service as outbox
from channels.outbox.bulk import Push
from channels.ports import ChannelName
from channels.reply import SENSITIVE, Option, Reply
from channels.wording.labels import label
from content.campaigns.texts import text_of
from content.reading import links
from content.reading.links import LinkFor

OFFERED = 2
"""Times offered in the message: an SMS holds no more beside the rest."""
SOONEST = timedelta(hours=24)
"""Nothing is offered that begins sooner: a return visit is no hurry, and people have to arrange it. Ours."""


class PlanWays:
    """Implements `care.plans.ports.Ways`. `sms_account`: through which a phone on record is reached."""

    def __init__(self, services: Services, sms_account: str) -> None:
        self._services = services
        self._sms = sms_account
        self._talks: Mapping[UUID, Sequence[Conversation]] = {}
        self._together: Together | None = None
        """None: each message is written at once."""

    async def prepare(self, session: AsyncSession, patients: Sequence[Patient], now: datetime) -> PlanWays:
        mine = copy(self)
        mine._talks = await talks_of(session, [one.id for one in patients])
        mine._together = Together(now)
        return mine

    async def leave(self, session: AsyncSession) -> None:
        if self._together is not None:
            await self._together.write(session)

    async def message(
        self, session: AsyncSession, touch: Touch, step: Step, patient: Patient, now: datetime
    ) -> Outcome:
        return await self._say(session, touch, step, patient, "plan.message", now)

    async def reminder(
        self, session: AsyncSession, touch: Touch, step: Step, patient: Patient, now: datetime
    ) -> Outcome:
        return await self._say(session, touch, step, patient, "plan.reminder", now)

    async def article(
        self, session: AsyncSession, touch: Touch, step: Step, patient: Patient, now: datetime
    ) -> Outcome:
        text = await text_of(session, str(step.content["slug"]))
        if text is None:
            return Never("no_article")
        talk = await self._talk(session, patient, step, now)
        if talk is None:
            return Never("no_contact")
        key = touch_key(touch)
        wanted = LinkFor(
            patient_id=patient.id,
            article_id=text.article_id,
            revision=text.revision,
            topic=text.topic,
            source="care_plan",
            outbound_key=key,
        )
        (path,) = await links.issue(session, [wanted], now)
        reply = text.reply(f"{self._services.site}{path}")
        return await self._queue(session, touch, step, talk, reply, "education", now, text.ref, text.revision)

    async def questionnaire(
        self, session: AsyncSession, touch: Touch, step: Step, patient: Patient, now: datetime
    ) -> Outcome:
        """Assigned; the questionnaires' own job asks, reminds and lets it expire."""
        name = str(step.content["name"])
        if await latest(session, name) is None:
            return Never("no_questionnaire")
        key = touch_key(touch)
        await responses.assign(session, name, patient_id=patient.id, now=now, source="plan", key=key)
        return Left(key)

    async def offer(
        self, session: AsyncSession, touch: Touch, step: Step, patient: Patient, now: datetime
    ) -> Outcome:
        """Places to choose from; a tap holds that very place and asks for the yes. None free: looked for again tomorrow."""
        standard = str(step.content["department"])
        department = await session.scalar(
            select(HealthcareService)
            .where(
                HealthcareService.standard == standard,
                HealthcareService.active,
                HealthcareService.kind == "clinic",
            )
            .order_by(HealthcareService.position, HealthcareService.code)
            .limit(1)
        )
        if department is None:
            return Never("no_department")
        free = await slots.find_half_days(
            session,
            now=now,
            department_id=department.id,
            start=now + SOONEST,
            end=now + timedelta(days=int(step.content["within_days"]) + 1),
            limit=OFFERED,
        )
        if not free:
            return NotNow("no_slots", self._tomorrow(step, now))
        talk = await self._talk(session, patient, step, now)
        if talk is None:
            return Never("no_contact")
        who = {"patient_id": patient.id.hex}
        options = [
            Option(
                f"slot{number}",
                half_day(self._services, one.first, talk.channel),
                "book_appointment",
                {**who, "slot_id": one.first.slot_id.hex},
            )
            for number, one in enumerate(free, 1)
        ]
        other = {**who, "department_id": department.id.hex}
        options.append(Option("other", label("closure_other_time"), "book_appointment", other))
        hidden = department.sensitive and talk.channel == ChannelName.SMS
        params = {
            "name": patient.name,
            "department": department.place if hidden else department.name,
            **({SENSITIVE: True} if department.sensitive else {}),
        }
        reply = Reply("plan.offer", params, tuple(options))
        return await self._queue(session, touch, step, talk, reply, "follow_up", now)

    async def call(
        self, session: AsyncSession, touch: Touch, step: Step, patient: Patient, now: datetime
    ) -> Outcome:
        key = touch_key(touch)
        care_plan = await session.get_one(CarePlan, touch.care_plan_id)
        await followup.open_call(
            session,
            patient.id,
            key=key,
            due_on=now.astimezone(CHINA).date(),
            script=str(step.content["script"]),
            questionnaire=step.content.get("questionnaire"),
            source="plan",
            now=now,
            plan=care_plan.plan,
            touch_id=touch.id,
        )
        return Left(key)

    async def _say(
        self, session: AsyncSession, touch: Touch, step: Step, patient: Patient, key: str, now: datetime
    ) -> Outcome:
        talk = await self._talk(session, patient, step, now)
        if talk is None:
            return Never("no_contact")
        care_plan = await session.get_one(CarePlan, touch.care_plan_id)
        params = {"name": patient.name, "text": str(step.content["text"])}
        reply = Reply(key, {**params, "sms_key": sms.key_of(care_plan.plan, step.id)})
        return await self._queue(session, touch, step, talk, reply, "follow_up", now)

    async def _talk(
        self, session: AsyncSession, patient: Patient, step: Step, now: datetime
    ) -> Conversation | None:
        known = self._talks.get(patient.id)
        if known is None:
            return await talk_of(session, patient, step.channel, self._sms, now)
        return await choose(session, patient, known, step.channel, self._sms, now)

    async def _queue(
        self,
        session: AsyncSession,
        touch: Touch,
        step: Step,
        talk: Conversation,
        reply: Reply,
        purpose: str,
        now: datetime,
        content_ref: str | None = None,
        content_revision: int | None = None,
    ) -> Outcome:
        """Worth sending until the step's stale limit is over: the gate may hold it so long, and no longer."""
        care_plan = await session.get_one(CarePlan, touch.care_plan_id)
        key = touch_key(touch)
        last = touch.planned_for.astimezone(CHINA).date() + timedelta(days=step.stale_days + 1)
        push = Push(talk.contact_id, touch.patient_id, key, reply, content_ref, content_revision)
        how = How(purpose, f"plan:{care_plan.plan}", datetime.combine(last, time(), CHINA))
        if self._together is not None and not reply.asks:
            self._together.add(push, how)
            return Left(key)
        await self.leave(session)  # what was said to them before comes before what is asked
        await outbox.enqueue(
            session,
            talk,
            reply,
            dedup_key=key,
            purpose=how.purpose,
            now=now,
            priority=outbox.NOTICE_PRIORITY,
            patient_id=touch.patient_id,
            instance=key,
            campaign=how.campaign,
            expires_at=how.expires_at,
            content_ref=content_ref,
            content_revision=content_revision,
        )
        return Left(key)

    def _tomorrow(self, step: Step, now: datetime) -> datetime:
        return datetime.combine(now.astimezone(CHINA).date() + timedelta(days=1), step.at, CHINA)
