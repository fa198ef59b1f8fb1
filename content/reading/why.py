"""为什么给我发这个: the stored rule and what the record said when it was sent, as far as whoever asks may know.

A link is opened by whoever holds the phone. By the link alone one learns which kinds of things were looked at (诊断, 就诊), never
what they say; the rule and the facts are for the contact bound to the patient: in WeChat, signed in, or in the conversation there.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from uuid import UUID

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from care.patients.models import PatientContact
from content.audiences import service as audiences
from content.audiences.data import load
from content.audiences.day import Day
from content.audiences.explain import Explained, explain
from content.audiences.facts import PatientFacts, facts_of
from content.audiences.rules import Group
from content.audiences.sentence import sentence
from content.audiences.shown import reason_view
from content.audiences.vocabulary import vocabulary
from content.campaigns.models import Campaign, CampaignLaunch
from content.reading.models import ArticleLink
from content.reading.words import say

_CODE = re.compile(r"\uff08[A-Z0-9][A-Z0-9.x+*]{1,11}\uff09")
"""A code in full-width brackets, after its name: for staff."""


@dataclass(frozen=True, slots=True)
class Reason:
    """`source` is the link's. `kinds`: what was looked at, in words for anybody. `rule` and `facts`: for the patient; `still`: the
    record says today what it said then."""

    source: str
    kinds: Sequence[str] = ()
    rule: str = ""
    facts: Sequence[str] = ()
    still: bool = True

    @property
    def because(self) -> str:
        """One sentence for anybody."""
        told = "alone" if self.source == "campaign" and not self.kinds else self.source
        return say(f"why.{told}")


async def knows(session: AsyncSession, link: ArticleLink, contact_id: UUID) -> bool:
    """Whether this contact acts for the link's patient."""
    bound = select(PatientContact.id).where(
        PatientContact.patient_id == link.patient_id, PatientContact.contact_id == contact_id
    )
    return await session.scalar(bound) is not None


async def reason(session: AsyncSession, link: ArticleLink, day: Day, *, whole: bool) -> Reason:
    """Why the link was sent. `day` is the hospital's, of any date: the rule is judged on the day the link was issued. `whole`: for
    who may know what the record says."""
    rule = await _rule(session, link)
    if rule is None:
        return Reason(link.source)
    day = replace(day, today=day.local(link.issued_at))
    facts = await facts_of(session, link.patient_id)
    if facts is None:
        return Reason(link.source)
    tree = explain(rule, _as_of(facts, link.issued_at), day).tree
    kinds = tuple(dict.fromkeys(load("form")["kinds"][one.rule.kind] for one in _leaves(tree)))
    if not whole:
        return Reason(link.source, kinds)
    words = await vocabulary(session)
    said = dict.fromkeys(
        _CODE.sub("", fact) for node in _that_held(tree) for fact in reason_view(node, words).facts
    )
    return Reason(link.source, kinds, _CODE.sub("", sentence(rule, words)), tuple(said), tree.holds)


async def _rule(session: AsyncSession, link: ArticleLink) -> Group | None:
    """The version of the audience this one was sent by: the launch's, or the campaign's where it is none of a whole audience."""
    if link.campaign_id is None:
        return None
    occurrence = link.outbound_key.rpartition(":")[2]
    launch = (
        await session.get(CampaignLaunch, (link.campaign_id, int(occurrence)))
        if occurrence.isdecimal()
        else None
    )
    sent_by: Campaign | CampaignLaunch | None = launch or await session.get(Campaign, link.campaign_id)
    return None if sent_by is None else await audiences.rule_of(session, sent_by.audience_version_id)


def _as_of(facts: PatientFacts, moment: datetime) -> PatientFacts:
    """Without what was sent and read since: opening this very link must not change the answer."""
    return replace(
        facts,
        reads=[one for one in facts.reads if one.row.opened_at < moment],
        sent=[one for one in facts.sent if one.row.sent_at < moment],
    )


def _that_held(node: Explained) -> Iterator[Explained]:
    """The leaves that let the patient in: of "none of these", those that do not hold."""
    if isinstance(node.rule, Group):
        for one in node.parts:
            if one.holds != (node.rule.kind == "not"):
                yield from _leaves(one) if node.rule.kind == "not" else _that_held(one)
    elif node.holds:
        yield node


def _leaves(node: Explained) -> Iterator[Explained]:
    if isinstance(node.rule, Group):
        for one in node.parts:
            yield from _leaves(one)
    else:
        yield node
