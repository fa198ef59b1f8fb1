"""Telephone numbers: E.164 inside the house, masked wherever people or logs see them."""

from __future__ import annotations

import re

import phonenumbers

HOME = "CN"
_DIGITS = re.compile(r"\+?[0-9]{3,20}")


def to_e164(number: str, region: str = HOME) -> str | None:
    """`+8613800138000` from whatever a vendor writes (138…, 86138…, +86 138…, 0086138…); `None` when it is
    no number."""
    text = number.strip().replace(" ", "").replace("-", "")
    if _DIGITS.fullmatch(text) is None:  # the library reads numbers into almost anything
        return None
    if region == HOME:
        text = text.removeprefix("00")
        if len(text) == 13 and text.startswith("86"):
            text = "+" + text
    try:
        parsed = phonenumbers.parse(text, region)
    except phonenumbers.NumberParseException:
        return None
    if not phonenumbers.is_possible_number(parsed):
        return None
    written = phonenumbers.format_number(parsed, phonenumbers.PhoneNumberFormat.E164)
    try:
        again = phonenumbers.parse(written, None)
    except phonenumbers.NumberParseException:
        return None
    # What reads otherwise the second time is no number: an address must always be the same.
    same = phonenumbers.format_number(again, phonenumbers.PhoneNumberFormat.E164) == written
    return written if same and phonenumbers.is_possible_number(again) else None


def national(number: str) -> str:
    """`13800138000`, as Chinese vendors write a mainland number; others keep their `+`."""
    return number.removeprefix("+86")


def is_mainland_mobile(number: str) -> bool:
    """Whether `number` (E.164) is a mobile of mainland China, the only ones the domestic vendors' templates reach."""
    return number.startswith("+861") and len(number) == 14 and number[1:].isdecimal()


def mask(number: str) -> str:
    """`+86138****8000`."""
    return f"{number[:-8]}****{number[-4:]}" if len(number) > 8 else "****"
