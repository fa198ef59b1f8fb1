"""Why a patient is in or out: the tree again, each node with whether it holds and what the record says."""

from __future__ import annotations

from dataclasses import dataclass

from care.patients.models import PatientStatus
from content.audiences.day import Day
from content.audiences.evidence import Fact, judge
from content.audiences.facts import PatientFacts
from content.audiences.rules import Group, Rule, Stage
from content.audiences.stages import meaning


@dataclass(frozen=True, slots=True)
class Explained:
    """A node: `holds` as it counts (turned round where the rule says so), the `facts` it was judged by, and its parts."""

    rule: Rule
    holds: bool
    facts: tuple[Fact, ...] = ()
    parts: tuple[Explained, ...] = ()


@dataclass(frozen=True, slots=True)
class Verdict:
    """`status` is not `active`: whatever the rule says, the patient is in no audience."""

    included: bool
    status: str
    tree: Explained


def explain(rule: Group, facts: PatientFacts, day: Day) -> Verdict:
    """The verdict `content.audiences.compile` reaches in SQL, with its reasons."""
    tree = _node(rule, facts, day)
    status = facts.patient.status
    return Verdict(tree.holds and status == PatientStatus.ACTIVE, status, tree)


def _node(rule: Rule, facts: PatientFacts, day: Day) -> Explained:
    if isinstance(rule, Group):
        parts = tuple(_node(one, facts, day) for one in rule.rules)
        held = [one.holds for one in parts]
        holds = all(held) if rule.kind == "all" else any(held) if rule.kind == "any" else not any(held)
        return Explained(rule, holds, parts=parts)
    if isinstance(rule, Stage):
        inner = _node(meaning(rule), facts, day)
        return Explained(rule, inner.holds != rule.negate, parts=inner.parts)
    holds, said = judge(rule, facts, day)
    return Explained(rule, holds != rule.negate, tuple(said))
