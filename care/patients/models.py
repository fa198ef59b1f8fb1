"""Patients.

Names, numbers and exact birth dates are sealed; sex, birth year, codes and dates stay plain for audiences.
"""

from __future__ import annotations

from datetime import date, datetime
from enum import StrEnum
from uuid import UUID

from sqlalchemy import Date, ForeignKey, Index, Integer, String
from sqlalchemy.orm import Mapped

from store.base import Base, EncryptedText, UtcDateTime, code_column, mapped_column, sealed_column, uuid_pk


class PatientStatus(StrEnum):
    """`MOVED`: no longer treated here. `DIED`: nobody writes to this person again. `MERGED`: another record of the person stands."""

    ACTIVE = "active"
    MOVED = "moved"
    DIED = "died"
    MERGED = "merged"


class Relation(StrEnum):
    """What the patient is to the person who holds the contact: `MOTHER` means "the patient is my mother"."""

    SELF = "self"
    MOTHER = "mother"
    FATHER = "father"
    CHILD = "child"
    SPOUSE = "spouse"
    OTHER = "other"


class Patient(Base):
    """A person the hospital knows. `sex` is FHIR's: `male`, `female`, `other`, `unknown`.

    `confidential`: only staff in charge may see the record (VIPs, colleagues, sensitive cases). `residence_code` is a division of
    GB/T 2260 (six digits); `language` a BCP 47 tag, None where nothing but Chinese is known. `replaced_by`: the record that stands for a
    merged one (FHIR's Patient.link `replaced-by`); it is never merged itself.
    """

    __tablename__ = "patient"
    # Audiences begin with these: with them in one index the wide rows stay unread.
    __table_args__ = (Index("ix_patient_audiences", "status", "birth_year", "sex", "residence_code", "id"),)

    id: Mapped[UUID] = uuid_pk()
    record_number = EncryptedText()
    record_number_sealed: Mapped[bytes | None] = sealed_column(nullable=False)
    record_number_hash: Mapped[str] = mapped_column(String(64), unique=True)
    name = EncryptedText()
    name_sealed: Mapped[bytes | None] = sealed_column(nullable=False)
    name_hash: Mapped[str] = mapped_column(String(64), index=True)
    sex: Mapped[str] = mapped_column(String(10))
    birth_year: Mapped[int | None] = mapped_column(Integer)
    residence_code: Mapped[str | None] = code_column(6, nullable=True)
    language: Mapped[str | None] = mapped_column(String(10))
    birth_date = EncryptedText()
    birth_date_sealed: Mapped[bytes | None] = sealed_column()
    phone = EncryptedText()
    phone_sealed: Mapped[bytes | None] = sealed_column()
    phone_hash: Mapped[str | None] = mapped_column(String(64), index=True)
    phone_last4_hash: Mapped[str | None] = mapped_column(String(64), index=True)
    id_number = EncryptedText()
    id_number_sealed: Mapped[bytes | None] = sealed_column()
    id_number_hash: Mapped[str | None] = mapped_column(String(64), index=True)
    id_last4_hash: Mapped[str | None] = mapped_column(String(64), index=True)
    status: Mapped[str] = mapped_column(String(10), default=PatientStatus.ACTIVE)
    status_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    confidential: Mapped[bool] = mapped_column(default=False)
    replaced_by: Mapped[UUID | None] = mapped_column(index=True)
    created_at: Mapped[datetime] = mapped_column(UtcDateTime)


class PatientNamePiece(Base):
    """Hashed two-character pieces of a name (and its first character), for searching by a part of it."""

    __tablename__ = "patient_name_piece"

    piece: Mapped[str] = mapped_column(String(24), primary_key=True)
    patient_id: Mapped[UUID] = mapped_column(ForeignKey("patient.id", ondelete="CASCADE"), primary_key=True)


class Condition(Base):
    """A diagnosis: ICD-10 `code` and its standard wording. `recorded_date`: when it was made here (FHIR's recordedDate).

    `ended_date` set: no longer present from that day on.
    """

    __tablename__ = "condition"
    __table_args__ = (
        Index(None, "patient_id", "code", unique=True),
        Index(None, "code", "recorded_date", "ended_date", "patient_id"),
    )

    id: Mapped[UUID] = uuid_pk()
    patient_id: Mapped[UUID] = mapped_column(ForeignKey("patient.id", ondelete="CASCADE"))
    code: Mapped[str] = code_column(20)
    display: Mapped[str] = mapped_column(String(120))
    recorded_date: Mapped[date] = mapped_column(Date)
    onset_date: Mapped[date | None] = mapped_column(Date)
    ended_date: Mapped[date | None] = mapped_column(Date)


class PatientTag(Base):
    """A word staff put on a patient (`VIP随访`, `家庭医生签约`). `by`: who, None for a file or another system."""

    __tablename__ = "patient_tag"
    __table_args__ = (Index(None, "tag", "patient_id"),)

    patient_id: Mapped[UUID] = mapped_column(ForeignKey("patient.id", ondelete="CASCADE"), primary_key=True)
    tag: Mapped[str] = mapped_column(String(40), primary_key=True)
    tagged_at: Mapped[datetime] = mapped_column(UtcDateTime)
    by: Mapped[UUID | None]


class PatientContact(Base):
    """A contact (phone or WeChat account, known to `channels`) that may act for a patient.

    `contact_id` has no foreign key: the room below does not know patients. `label` is the person's own word
    (`妈妈`).
    """

    __tablename__ = "patient_contact"
    __table_args__ = (Index(None, "patient_id", "contact_id", unique=True),)

    id: Mapped[UUID] = uuid_pk()
    patient_id: Mapped[UUID] = mapped_column(ForeignKey("patient.id", ondelete="CASCADE"))
    contact_id: Mapped[UUID] = mapped_column(index=True)
    relation: Mapped[str] = mapped_column(String(10))
    label = EncryptedText()
    label_sealed: Mapped[bytes | None] = sealed_column()
    confirmed_at: Mapped[datetime] = mapped_column(UtcDateTime)
