"""To which contact of a patient a campaign's message goes first; the gate takes it on from there.

What is alive before what is not, WeChat before a phone, the patient's own before a relative's, then what was bound first.
"""

from __future__ import annotations

from typing import Any

from sqlalchemy import Select, case, func, select
from sqlalchemy.sql.selectable import Subquery

from care.patients.models import PatientContact, Relation
from channels.contacts.models import Contact
from channels.ports import ChannelName


def best(patients: Any) -> Subquery:
    """`patient_id`, `contact_id`, `channel` of each patient that has a contact at all. `patients`: a condition over the column
    `PatientContact.patient_id` (an `IN`, or a set given as a parameter)."""
    ranked = _ranked(patients).subquery()
    return select(ranked).where(ranked.c.place == 1).subquery()


def _ranked(patients: Any) -> Select[Any]:
    order = (
        case((Contact.status == "active", 0), else_=1),
        case((Contact.channel == ChannelName.WECHAT.value, 0), else_=1),
        case((PatientContact.relation == Relation.SELF.value, 0), else_=1),
        PatientContact.confirmed_at,
        PatientContact.id,
    )
    place = func.row_number().over(partition_by=PatientContact.patient_id, order_by=order)
    columns = (
        PatientContact.patient_id,
        PatientContact.contact_id,
        Contact.channel,
        Contact.account_id,
        Contact.status,
        Contact.holder,
        place.label("place"),
    )
    return select(*columns).join(Contact, Contact.id == PatientContact.contact_id).where(patients)
