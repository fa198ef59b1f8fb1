"""What somebody agreed to, shown again on request, and the way to take each back or agree after all."""

from __future__ import annotations

from collections.abc import Awaitable, Callable

from actions.account import reading
from actions.turn import Turn, way_to
from care.consents.models import Purpose
from care.patients import service as patients
from care.patients.models import Patient
from care.privacy import consents, withdrawal
from care.privacy.holdings import Whose, whose
from care.privacy.texts import text_of, texts
from channels.reply import Option
from channels.wording.labels import label

Way = Callable[[Turn], Awaitable[None]]
_MOST = 3
"""Purposes with a button; the others are named, and all together have one."""


async def overview(turn: Turn) -> None:
    """Everything that holds now; each can be read again and taken back."""
    who = await _who(turn)
    held = await withdrawal.granted(turn.session, who)
    if not held:
        turn.say("privacy.no_consents", *_offers(await _undecided(turn, who)), reading.to_settings())
        return
    ways = [_way(f"show_{one}", text_of(one).title) for one in held if one not in consents.AT_BINDING]
    ways = [*ways[:_MOST], reading.to_settings(), _way("less_all", label("withdraw_all"))]
    rows = "\n".join(label("consent_row", title=text_of(one).title) for one in held)
    turn.say("privacy.consents", *ways, rows=rows)


def _show(purpose: Purpose) -> Way:
    async def show(turn: Turn) -> None:
        text = text_of(purpose)
        less = _way(f"less_{purpose}", label("withdraw_consent"))
        turn.say("privacy.consent_text", less, title=text.title, said=text.said)

    return show


def request(wanted: str) -> Way | None:
    """What an option of ours asks for: `less_<purpose>`, `less_all`, `more_<purpose>`, `no_<purpose>`,
    `ask_<purpose>`, `show_<purpose>`; None for anything else."""
    what, _, code = wanted.partition("_")
    if wanted == "less_all":
        return _withdraw(tuple(texts()))
    if code not in {one.value for one in texts()}:
        return None
    purpose = Purpose(code)
    makers: dict[str, Way] = {
        "less": _withdraw((purpose,)),
        "more": _decide(purpose, granted=True),
        "no": _decide(purpose, granted=False),
        "ask": _ask(purpose),
        "show": _show(purpose),
    }
    return makers.get(what)


async def first_offer(turn: Turn) -> Option | None:
    """The way to the consents nobody decided on yet; None: all are."""
    purposes = await _undecided(turn, await _who(turn))
    return _way(f"ask_{purposes[0]}", label("choose_messages")) if purposes else None


async def offer_next(turn: Turn) -> bool:
    """Ask for the next consent nobody decided on yet (follow-up, education): after binding, before a first questionnaire."""
    who = await _who(turn)
    purposes = await _undecided(turn, who)
    if not purposes:
        return False
    await _ask(purposes[0])(turn)
    return True


def _ask(purpose: Purpose) -> Way:
    async def ask(turn: Turn) -> None:
        patient = await _first(turn, await _who(turn))
        if patient is None:
            turn.say("bind.needed", way_to("bind_patient", label("bind")))
            return
        for one in await consents.undecided(turn.session, patient, (purpose,)):
            yes, no = _way(f"more_{purpose}", label("agree")), _way(f"no_{purpose}", label("refuse"))
            turn.say(one.key, yes, no, **one.params)

    return ask


def _decide(purpose: Purpose, *, granted: bool) -> Way:
    async def decide(turn: Turn) -> None:
        who = await _who(turn)
        relations = {
            one.patient.id: one
            for one in await patients.patients_of_contact(turn.session, turn.contact.id)
            if one.patient.id in who.patients
        }
        if not relations:
            turn.say("bind.needed", way_to("bind_patient", label("bind")))
            return
        for one in relations.values():
            await consents.decide(
                turn.session,
                one.patient,
                purpose,
                granted,
                by=turn.contact.id,
                relation=one.relation,
                channel=turn.contact.channel,
                inbound_id=turn.inbound_id,
                now=turn.now,
                today=turn.local_now.date(),
            )
        turn.say("privacy.agreed" if granted else "privacy.not_agreed", what=text_of(purpose).title)
        if granted or purpose in consents.AFTER_BINDING:
            await offer_next(turn)

    return decide


def _withdraw(purposes: tuple[Purpose, ...]) -> Way:
    async def withdraw(turn: Turn) -> None:
        who = await _who(turn)
        done = await withdrawal.withdraw(
            turn.session,
            who,
            purposes,
            by=turn.contact.id,
            channel=turn.contact.channel,
            proof=f"inbound:{turn.inbound_id}",
            now=turn.now,
        )
        if set(consents.AT_BINDING) & set(purposes):
            turn.say("privacy.withdrawn_all", way_to("bind_patient", label("bind")))
            return
        stopped = done.messages + done.questionnaires + done.recipients
        titles = "\u3001".join(text_of(one).title for one in purposes)
        key = "privacy.withdrawn" if not stopped else "privacy.withdrawn_stopped"
        back = [_way(f"more_{purposes[0]}", label("agree_again"))] if len(purposes) == 1 else []
        turn.say(key, *back, what=titles, count=stopped)

    return withdraw


async def _who(turn: Turn) -> Whose:
    return await whose(turn.session, turn.contact.id, turn.local_now.date())


async def _first(turn: Turn, who: Whose) -> Patient | None:
    return await patients.get(turn.session, who.patients[0]) if who.patients else None


async def _undecided(turn: Turn, who: Whose) -> list[Purpose]:
    patient = await _first(turn, who)
    if patient is None:
        return []
    return [one.purpose for one in await consents.undecided(turn.session, patient, consents.AFTER_BINDING)]


def _offers(purposes: list[Purpose]) -> list[Option]:
    return [_way(f"ask_{one}", text_of(one).title) for one in purposes]


def _way(wanted: str, words: str) -> Option:
    return Option(f"my_data-{wanted}", words, intent="my_data", params={"request": wanted})
