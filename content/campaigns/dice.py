"""Chance that is the same however often it is asked: who is held out, who gets which text.

A patient's number is the last 28 bits of their id, which are random (RFC 9562, UUIDv7). For each campaign and question it goes
through `(a·x + b) mod p` with `a` and `b` from SHA-256 of both: a universal family of hashes (Carter and Wegman 1979), so that
whom one campaign holds out says nothing about another. Plain arithmetic, so that both databases do it for a million rows in the
statement that writes them, and Python agrees with them.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from sqlalchemy import BigInteger, ColumnElement, case, literal
from sqlalchemy.ext.compiler import compiles
from sqlalchemy.sql.functions import FunctionElement

PRIME = 2**31 - 1
DIGITS, SPACE = 7, 1 << 28
"""Hexadecimal digits of the id that are taken: 28 bits, so that the product stays below 2**63."""


class _Number(FunctionElement[int]):
    """The number of the id in a column."""

    name = "number_of_id"
    type = BigInteger()
    inherit_cache = True


@compiles(_Number, "postgresql")
def _on_postgresql(element: Any, compiler: Any, **options: Any) -> str:
    (column,) = element.clauses
    text = compiler.process(column, **options)
    return f"CAST(CAST(('x' || right(CAST({text} AS text), {DIGITS})) AS bit({4 * DIGITS})) AS bigint)"


@compiles(_Number, "sqlite")
def _on_sqlite(element: Any, compiler: Any, **options: Any) -> str:
    (column,) = element.clauses
    text = compiler.process(column, **options)
    digits = (
        f"instr('123456789abcdef', substr({text}, {-place - 1}, 1)) * {16**place}" for place in range(DIGITS)
    )
    return f"({' + '.join(digits)})"


@dataclass(frozen=True, slots=True)
class Dice:
    """One question of one campaign."""

    a: int
    b: int

    @classmethod
    def of(cls, campaign_id: UUID, question: str) -> Dice:
        digest = hashlib.sha256(f"{campaign_id}/{question}".encode()).digest()
        a, b = (int.from_bytes(digest[n : n + 8], "big") for n in (0, 8))
        return cls(1 + a % (PRIME - 1), b % PRIME)

    def roll(self, patient_id: UUID) -> int:
        """0 … PRIME - 1, every number as likely."""
        return (self.a * (patient_id.int % SPACE) + self.b) % PRIME

    def rolled(self, column: Any) -> ColumnElement[int]:
        """As `roll`, of the ids in `column`."""
        number: ColumnElement[int] = _Number(column)
        product = literal(self.a, BigInteger) * number + literal(self.b, BigInteger)
        return product % literal(PRIME, BigInteger)

    def below(self, column: Any, share: float) -> ColumnElement[bool]:
        """True for `share` (0 to 1) of the ids."""
        return self.rolled(column) < literal(round(share * PRIME), BigInteger)


def bounds(shares: Sequence[float]) -> list[int]:
    """Up to which number (excluded) each arm goes; what is left over by rounding belongs to the last."""
    total, so_far, found = sum(shares) or 1.0, 0.0, []
    for share in shares:
        so_far += share / total
        found.append(round(so_far * PRIME))
    return [*found[:-1], PRIME]


def arm_of(dice: Dice, patient_id: UUID, arms: Sequence[str], shares: Sequence[float]) -> str:
    rolled = dice.roll(patient_id)
    return next(arm for arm, most in zip(arms, bounds(shares), strict=True) if rolled < most)


def arm_in(dice: Dice, column: Any, arms: Sequence[str], shares: Sequence[float]) -> ColumnElement[str]:
    """As `arm_of`, of the ids in `column`."""
    if len(arms) == 1:
        return literal(arms[0])
    rolled = dice.rolled(column)
    pairs = list(zip(arms, bounds(shares), strict=True))
    whens = [(rolled < literal(most, BigInteger), literal(arm)) for arm, most in pairs[:-1]]
    return case(*whens, else_=literal(arms[-1]))
