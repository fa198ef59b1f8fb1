"""Folding identifiers so that the same number or name always has the same hash; masking for display."""

from __future__ import annotations

import unicodedata
from datetime import date

import phonenumbers

from store import crypto

RECORD, NAME, PHONE, PHONE4, ID, ID4 = (
    "patient.record_number",
    "patient.name",
    "patient.phone",
    "patient.phone_last4",
    "patient.id_number",
    "patient.id_last4",
)


def fold_name(name: str) -> str:
    """A name without white space, the middle dots of minority names made one."""
    folded = "".join(unicodedata.normalize("NFKC", name).split())
    return folded.translate({ord(dot): "·" for dot in "•・.‧∙"})


def fold_number(number: str) -> str:
    """A record or identity number: half-width, upper case, without spaces and hyphens."""
    return "".join(unicodedata.normalize("NFKC", number).upper().split()).replace("-", "")


def parse_phone(text: str) -> str | None:
    """E.164 (`+8613…`) of a valid Chinese number, or None."""
    try:
        number = phonenumbers.parse(unicodedata.normalize("NFKC", text), "CN")
    except phonenumbers.NumberParseException:
        return None
    if not phonenumbers.is_valid_number(number):
        return None
    return phonenumbers.format_number(number, phonenumbers.PhoneNumberFormat.E164)


def record_hash(number: str) -> str:
    return crypto.lookup(fold_number(number), RECORD)


def name_hash(name: str) -> str:
    return crypto.lookup(fold_name(name), NAME)


def phone_hash(e164: str) -> str:
    return crypto.lookup(e164, PHONE)


def id_last4_hash(last4: str) -> str:
    return crypto.lookup(fold_number(last4), ID4)


def phone_last4_hash(last4: str) -> str:
    return crypto.lookup(fold_number(last4), PHONE4)


def id_hash(number: str) -> str:
    return crypto.lookup(fold_number(number), ID)


def stored_name_pieces(name: str) -> list[str]:
    """What is stored for a name: its bigrams and its first character."""
    folded, ring = fold_name(name), crypto.keyring()
    return sorted({*ring.bigrams(folded, NAME), *ring.bigrams(folded[:1], NAME)})


def wanted_name_pieces(part: str) -> list[str]:
    """What must all be stored for a name that contains `part`."""
    return crypto.keyring().bigrams(fold_name(part), NAME)


def mask_name(name: str) -> str:
    """`王*兰`, `张*`: enough for a person to recognise their own."""
    if len(name) <= 1:
        return name
    return f"{name[0]}*" if len(name) == 2 else f"{name[0]}{'*' * (len(name) - 2)}{name[-1]}"


def mask_phone(e164: str) -> str:
    """`138****0001`."""
    national = e164.removeprefix("+86")
    return f"{national[:3]}****{national[-4:]}"


def age_on(day: date, birth_date: date | None, birth_year: int | None) -> int | None:
    """Whole years on `day`; from the year alone when the date is not known; None when neither is."""
    if birth_date is not None:
        return day.year - birth_date.year - ((day.month, day.day) < (birth_date.month, birth_date.day))
    return None if birth_year is None else day.year - birth_year
