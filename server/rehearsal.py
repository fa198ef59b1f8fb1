"""What a campaign's dry run works with: the gate that asks nobody anything, and who may say what."""

from __future__ import annotations

from care.gate.words import CatalogueWords
from content.campaigns.dryrun import Rehearsal
from server.house import House


def rehearsal(house: House) -> Rehearsal:
    return Rehearsal(
        gate=house.outbound.rehearsal,
        rules=house.settings.gate,
        words=CatalogueWords(house.catalogue),
        sms_accounts=list(house.vendors.accounts.sms),
        passive_only=house.vendors.passive_only,
        clock=house.clock,
    )
