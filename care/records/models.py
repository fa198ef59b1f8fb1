"""Encounters, procedures and pregnancies, in FHIR's terms. Codes and dates only, so that whole audiences are one statement."""

from __future__ import annotations

from datetime import date
from enum import StrEnum
from uuid import UUID

from sqlalchemy import Date, ForeignKey, Index, String
from sqlalchemy.orm import Mapped

from store.base import Base, code_column, mapped_column, uuid_pk


class EncounterKind(StrEnum):
    """FHIR's Encounter.class: AMB, IMP, EMER."""

    OUTPATIENT = "outpatient"
    INPATIENT = "inpatient"
    EMERGENCY = "emergency"


class ProcedureStatus(StrEnum):
    """FHIR's EventStatus: `preparation`, `completed`, `not-done`."""

    PLANNED = "planned"
    COMPLETED = "completed"
    CANCELLED = "cancelled"


class Outcome(StrEnum):
    """How a pregnancy ended."""

    BIRTH = "birth"
    LOSS = "loss"


class Encounter(Base):
    """A visit or a stay. `end_date` of a stay is the day of discharge; None: still in hospital. A visit ends on its day."""

    __tablename__ = "encounter"
    __table_args__ = (
        Index(None, "patient_id", "kind", "start_date", "department_id", unique=True),
        Index(None, "kind", "start_date", "patient_id"),
        Index(None, "kind", "end_date", "patient_id"),
        Index(None, "department_id", "start_date", "patient_id"),
    )

    id: Mapped[UUID] = uuid_pk()
    patient_id: Mapped[UUID] = mapped_column(ForeignKey("patient.id", ondelete="CASCADE"))
    kind: Mapped[str] = mapped_column(String(12))
    department_id: Mapped[UUID] = mapped_column(ForeignKey("healthcare_service.id"))
    start_date: Mapped[date] = mapped_column(Date)
    end_date: Mapped[date | None] = mapped_column(Date)


class Procedure(Base):
    """An operation: `code` of ICD-9-CM-3 and its standard wording. `performed_date` is the planned day while it is planned."""

    __tablename__ = "procedure"
    __table_args__ = (
        Index(None, "patient_id", "code", "performed_date", unique=True),
        Index(None, "status", "performed_date", "code", "patient_id"),
    )

    id: Mapped[UUID] = uuid_pk()
    patient_id: Mapped[UUID] = mapped_column(ForeignKey("patient.id", ondelete="CASCADE"))
    code: Mapped[str] = code_column(20)
    display: Mapped[str] = mapped_column(String(120))
    status: Mapped[str] = mapped_column(String(12))
    performed_date: Mapped[date] = mapped_column(Date)
    department_id: Mapped[UUID | None] = mapped_column(ForeignKey("healthcare_service.id"))


class Pregnancy(Base):
    """A pregnancy (FHIR EpisodeOfCare). `lmp_date`: first day of the last period (Observation, LOINC 8665-2), or what was
    counted back from ultrasound. `ended_date` and `outcome` are set together."""

    __tablename__ = "pregnancy"
    __table_args__ = (
        Index(None, "patient_id", "lmp_date", unique=True),
        Index(None, "lmp_date", "ended_date", "patient_id"),
        Index(None, "outcome", "ended_date", "patient_id"),
    )

    id: Mapped[UUID] = uuid_pk()
    patient_id: Mapped[UUID] = mapped_column(ForeignKey("patient.id", ondelete="CASCADE"))
    lmp_date: Mapped[date] = mapped_column(Date)
    ended_date: Mapped[date | None] = mapped_column(Date)
    outcome: Mapped[str | None] = mapped_column(String(10))
