"""Readings and the devices that may send them."""

from __future__ import annotations

from datetime import datetime
from uuid import UUID

from sqlalchemy import Float, ForeignKey, Index, String
from sqlalchemy.orm import Mapped

from store.base import Base, EncryptedText, UtcDateTime, mapped_column, sealed_column, uuid_pk


class ObservationDevice(Base):
    """Who may send readings: one device at a patient's (`patient_id`), or a hospital's gateway that names the patient each time.

    `token_hash` is all that is kept of its token. `name` is for staff; it may say whose it is, so it is sealed.
    """

    __tablename__ = "observation_device"

    id: Mapped[UUID] = uuid_pk()
    name = EncryptedText()
    name_sealed: Mapped[bytes | None] = sealed_column(nullable=False)
    token_hash: Mapped[str] = mapped_column(String(64), unique=True)
    patient_id: Mapped[UUID | None] = mapped_column(ForeignKey("patient.id", ondelete="CASCADE"), index=True)
    created_at: Mapped[datetime] = mapped_column(UtcDateTime)
    revoked_at: Mapped[datetime | None] = mapped_column(UtcDateTime)


class Observation(Base):
    """One number. `code` is LOINC's, `unit` UCUM's (see `units.py`), `effective_at` when it was measured.

    The two numbers of a blood pressure are two rows with one `panel_id`. `key` is a hash of the sender's own identifier: the same
    resource sent twice is one. `voided_at`: the sender took it back.
    """

    __tablename__ = "observation"
    __table_args__ = (
        Index(None, "patient_id", "code", "effective_at"),
        Index(None, "key", "code", unique=True),
        Index(None, "recorded_at"),
    )

    id: Mapped[UUID] = uuid_pk()
    patient_id: Mapped[UUID] = mapped_column(ForeignKey("patient.id", ondelete="CASCADE"))
    panel_id: Mapped[UUID]
    code: Mapped[str] = mapped_column(String(12))
    value: Mapped[float] = mapped_column(Float)
    unit: Mapped[str] = mapped_column(String(12))
    effective_at: Mapped[datetime] = mapped_column(UtcDateTime)
    recorded_at: Mapped[datetime] = mapped_column(UtcDateTime)
    source: Mapped[str] = mapped_column(String(12))
    device_id: Mapped[UUID | None] = mapped_column(ForeignKey("observation_device.id", ondelete="SET NULL"))
    key: Mapped[str] = mapped_column(String(64))
    voided_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
