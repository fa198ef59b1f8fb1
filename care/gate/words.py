"""The wording catalogue, as the gate sees it."""

from __future__ import annotations

from channels.reply import Reply
from channels.wording.catalogue import Catalogue


class CatalogueWords:
    """Implements `care.gate.ports.SmsWords`."""

    def __init__(self, catalogue: Catalogue) -> None:
        self._catalogue = catalogue

    def can_say(self, account_id: str, reply: Reply) -> bool:
        return self._catalogue.render_sms(reply, account_id) is not None
