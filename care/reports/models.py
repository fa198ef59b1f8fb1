"""Reports of laboratory, imaging and other examinations.

What was examined and what came of it is sealed; category, state and dates are plain.
"""

from __future__ import annotations

from datetime import datetime
from enum import StrEnum
from uuid import UUID

from sqlalchemy import ForeignKey, Index, String
from sqlalchemy.orm import Mapped

from store.base import Base, EncryptedText, UtcDateTime, mapped_column, sealed_column, uuid_pk


class ReportCategory(StrEnum):
    """Diagnostic service sections (HL7 table 0074), as far as patients ask for them."""

    LABORATORY = "LAB"
    RADIOLOGY = "RAD"
    PATHOLOGY = "PAT"
    ULTRASOUND = "RUS"
    ENDOSCOPY = "OTH"
    ECG = "EC"


class ReportStatus(StrEnum):
    """FHIR DiagnosticReport.status. `REGISTERED`: asked for or examined, nothing signed yet."""

    REGISTERED = "registered"
    PRELIMINARY = "preliminary"
    FINAL = "final"
    AMENDED = "amended"
    CANCELLED = "cancelled"


READY = frozenset({ReportStatus.FINAL, ReportStatus.AMENDED})
"""What a doctor has signed: only this is told to a patient as ready."""


class DiagnosticReport(Base):
    """One report. `identifier`: the hospital's own number of it. `effective_at`: when the sample was taken or the person examined.

    `code`: LOINC or the hospital's own. `due_at`: when it is expected, where the hospital says so. `issued_at`: signed.
    """

    __tablename__ = "diagnostic_report"
    __table_args__ = (Index(None, "patient_id", "effective_at"),)

    id: Mapped[UUID] = uuid_pk()
    identifier: Mapped[str] = mapped_column(String(64), unique=True)
    patient_id: Mapped[UUID] = mapped_column(ForeignKey("patient.id", ondelete="CASCADE"))
    category: Mapped[str] = mapped_column(String(4))
    code: Mapped[str | None] = mapped_column(String(20))
    title = EncryptedText()
    title_sealed: Mapped[bytes | None] = sealed_column(nullable=False)
    status: Mapped[str] = mapped_column(String(12))
    effective_at: Mapped[datetime] = mapped_column(UtcDateTime)
    due_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    issued_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    conclusion = EncryptedText()
    conclusion_sealed: Mapped[bytes | None] = sealed_column()
