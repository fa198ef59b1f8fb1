"""The care team: members of staff who look after a patient for longer than one conversation."""

from __future__ import annotations

from datetime import datetime
from enum import StrEnum
from uuid import UUID

from sqlalchemy import ForeignKey, Index, String
from sqlalchemy.orm import Mapped

from store.base import Base, UtcDateTime, mapped_column


class TeamRole(StrEnum):
    """What a member does for the patient (FHIR CareTeam.participant.role)."""

    NURSE = "nurse"
    DOCTOR = "doctor"
    FOLLOW_UP = "follow_up"
    DIETITIAN = "dietitian"
    PSYCHOLOGIST = "psychologist"


class CareTeamMember(Base):
    """One member of a patient's care team. `by`: who put them there, None for a file or the command line."""

    __tablename__ = "care_team_member"
    __table_args__ = (Index(None, "staff_id", "patient_id"),)

    patient_id: Mapped[UUID] = mapped_column(ForeignKey("patient.id", ondelete="CASCADE"), primary_key=True)
    staff_id: Mapped[UUID] = mapped_column(ForeignKey("staff_user.id", ondelete="CASCADE"), primary_key=True)
    role: Mapped[str] = mapped_column(String(12))
    since: Mapped[datetime] = mapped_column(UtcDateTime)
    by: Mapped[UUID | None]
