"""Telephone numbers: E.164 inside the house, masked wherever people or logs see them."""

from __future__ import annotations

import phonenumbers

HOME = "CN"


def to_e164(number: str, region: str = HOME) -> str | None:
    """`+8613800138000` from whatever a vendor writes (138…, 86138…, +86 138…, 0086138…); `None` when it is
    no number."""
    text = number.strip().replace(" ", "").replace("-", "")
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
    return phonenumbers.format_number(parsed, phonenumbers.PhoneNumberFormat.E164)


def national(number: str) -> str:
    """`13800138000`, as Chinese vendors write a mainland number; others keep their `+`."""
    return number.removeprefix("+86")


def is_mainland_mobile(number: str) -> bool:
    """Whether `number` (E.164) is a mobile of mainland China, the only ones the domestic vendors' templates reach."""
    return number.startswith("+861") and len(number) == 14 and number[1:].isdecimal()


def mask(number: str) -> str:
    """`+86138****8000`."""
    return f"{number[:-8]}****{number[-4:]}" if len(number) > 8 else "****"
