"""The check a week after an operation: asked on WeChat, continued by SMS, fever typed in words, an alert; nine items in few messages."""

from __future__ import annotations

import pytest
from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from care.alerts.models import Alert
from care.patients.models import PatientContact, Relation
from care.questionnaires import service as questionnaires
from care.questionnaires.models import QuestionnaireResponse
from channels.contacts.models import Contact
from store.ids import new_id
from tests.e2e.installation import SMS, WECHAT, Installation
from tests.e2e.phone import Person, Phone
from tests.e2e.pushes import PUSHES

pytestmark = pytest.mark.e2e
MOST = 12
"""Messages of ours for nine items."""


def also_on(home: Installation, phone: Phone, channel: str) -> Phone:
    """The same patient's other way to us."""
    other = Phone.open(home, channel)

    async def work(session: AsyncSession) -> None:
        link = await session.scalar(
            select(PatientContact).where(PatientContact.contact_id == phone.contact_id)
        )
        assert link is not None
        session.add(
            PatientContact(
                patient_id=link.patient_id,
                contact_id=other.contact_id,
                relation=Relation.SELF,
                confirmed_at=link.confirmed_at,
            )
        )

    home.write(work)
    return other


def test_asked_on_wechat_continued_by_sms_fever_in_words_opens_an_alert(home: Installation) -> None:
    wechat = Phone.open(home, WECHAT, Person("赵同安", "male"))
    sms = also_on(home, wechat, SMS)
    wechat.say("停车怎么收费")  # its window is open
    wechat.push(PUSHES["follow_up"])
    assert wechat.unasked("sent") is not None
    assert wechat.tap(1).keys == ["questionnaire.item"]
    assert sms.say("继续").keys == ["questionnaire.intro", "questionnaire.item"], sms
    turn = sms.say("三十八度八")
    assert turn.keys == ["flag.fever", "questionnaire.list"], sms
    assert "120" in turn.replies[0].text
    assert sms.say("都没有").keys == ["questionnaire.item"]
    # The question that still lies on WeChat was put before that: nothing of it is taken for an answer.
    assert wechat.say("36.5").keys == ["questionnaire.moved", "questionnaire.item"], wechat
    assert wechat.say("三分吧").keys == ["questionnaire.item"]
    assert wechat.tap(1).keys == ["questionnaire.list"]
    assert wechat.say("都没有").keys == ["questionnaire.item"]
    assert wechat.say("没有").keys[-1] in ("questionnaire.done", "questionnaire.result")

    with home.rows() as session:
        linked = select(PatientContact.patient_id).where(PatientContact.contact_id == wechat.contact_id)
        response = session.scalars(
            select(QuestionnaireResponse).where(QuestionnaireResponse.patient_id.in_(linked))
        ).one()
        assert response.status == "completed"
        assert response.answers["temperature"] == 38.8
        assert response.answers["pain"] == 3
        alert = session.scalars(select(Alert).where(Alert.response_id == response.id)).one()
        assert (alert.status, alert.source, alert.patient_id) == ("open", "answer", response.patient_id)


def test_nine_items_take_at_most_twelve_messages(home: Installation) -> None:
    phone = Phone.open(home, WECHAT, Person("钱一诺", "female"))

    async def work(session: AsyncSession) -> None:
        contact = await session.get_one(Contact, phone.contact_id)
        patient_id = await session.scalar(
            select(PatientContact.patient_id).where(PatientContact.contact_id == contact.id)
        )
        assert patient_id is not None
        now = home.now()
        await questionnaires.assign(
            session, "phq9", patient_id=patient_id, now=now, source="staff", key=f"phq9:{new_id()}"
        )

    home.write(work)
    said = phone.say("填随访")
    count = len(said.replies)
    for _ in range(9):
        said = phone.tap(1)
        count += len(said.replies)
    assert said.keys == ["questionnaire.done"], phone
    assert count <= MOST
