"""What the operators' pages are given: the configured accounts, the words of the gate, and the desk that hears of decisions."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncSession

from care.desk import service as desk
from care.desk.reading import read_conversation
from care.gate.reasons import words
from channels.ops.desk import OpsHouse
from channels.ops.ports import AccountFacts, NoticeFacts
from channels.outbox.models import OutboundMessage
from channels.outbox.ports import Rung
from channels.simulator.pages import PhoneNotice
from channels.wechat.client import WeChatClient
from server.house import House
from server.wording import page_words
from web.shell import NavLink


def ops_house(house: House) -> OpsHouse:
    """The pages' side of `house`."""

    def accounts() -> Sequence[AccountFacts]:
        wechat = [_wechat_facts(name, client) for name, client in house.vendors.clients.items()]
        sms = [
            AccountFacts("sms", name, sign=one.sign, free_text=house.vendors.free_text(name))
            for name, one in house.vendors.accounts.sms.items()
        ]
        return [*wechat, *sms]

    def notices() -> Sequence[NoticeFacts]:
        return [
            NoticeFacts(
                one.name,
                one.kind,
                one.title,
                one.fields,
                house.vendors.notices.ids_of(one.name, house.vendors.accounts.wechat),
                house.vendors.notices.replies_of(one.name),
            )
            for one in house.vendors.notices.templates.values()
        ]

    return OpsHouse(
        database=house.database,
        clock=house.clock,
        catalogue=house.catalogue,
        accounts=accounts,
        spool_waiting=house.inbound.spool.waiting,
        wake=house.outbound.delivery.wake,
        sync_templates=house.templates.review,
        notices=notices,
        may_read=may_read,
        explain=words,
        settled=close_tasks,
        silence=timedelta(minutes=house.settings.push_silence_minutes),
    )


def _wechat_facts(name: str, client: WeChatClient) -> AccountFacts:
    trouble, account = client.token_trouble, client.account
    return AccountFacts(
        "wechat",
        name,
        has_token=True,
        token_age=client.tokens.age(),
        problem=trouble.code if trouble else "",
        problem_since=trouble.since if trouble else None,
        daily={Rung.CUSTOM: account.custom_daily, Rung.TEMPLATE: account.template_daily},
    )


def phone_notices(house: House) -> tuple[PhoneNotice, ...]:
    """What the demo's phones can be asked to agree to: the notices that need a consent."""
    templates = [one for one in house.vendors.notices.templates.values() if one.kind != "template"]
    return tuple(PhoneNotice(one.name, one.title, one.kind == "long") for one in templates)


async def may_read(session: AsyncSession, message: OutboundMessage, staff_id: UUID, now: datetime) -> bool:
    """Implements `channels.ops.ports.MayRead`."""
    return await read_conversation(
        session,
        conversation_id=message.conversation_id,
        contact_id=message.contact_id,
        patient_id=message.patient_id,
        staff_id=staff_id,
        now=now,
        page="delivery",
        part="words",
        outbound=str(message.id),
    )


async def close_tasks(
    session: AsyncSession, message: OutboundMessage, how: str, staff_id: UUID, now: datetime
) -> None:
    """Implements `channels.ops.ports.Settled`: the message's tasks are done with the decision; a send again reopens none."""
    keys = [f"uncertain:{message.id}"] + ([f"call:{message.id}"] if how != "again" else [])
    for key in keys:
        await desk.finish_by_key(session, key, staff_id=staff_id, now=now)


def navigation(*, simulators: bool) -> list[NavLink]:
    """The top bar."""
    links = [
        NavLink(one["title"], one["href"], frozenset(one.get("roles", ()))) for one in page_words()["nav"]
    ]
    return [one for one in links if simulators or one.href != "/phones"]
