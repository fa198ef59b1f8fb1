"""Departments, doctors, places. All of it is public, so nothing here is encrypted."""

from __future__ import annotations

from datetime import date
from enum import StrEnum
from uuid import UUID

from sqlalchemy import JSON, Date, ForeignKey, Integer, String
from sqlalchemy.orm import Mapped

from store.base import Base, mapped_column, uuid_pk

# The names the design fixes; a hospital maps its own departments onto them.
STANDARD_DEPARTMENTS: tuple[str, ...] = (
    "心血管内科", "呼吸内科", "消化内科", "神经内科", "内分泌科", "肾内科", "血液科", "风湿免疫科",
    "感染科", "肝病科", "肿瘤科", "普通外科", "骨科", "神经外科", "胸外科", "心脏外科",
    "血管外科", "泌尿外科", "乳腺外科", "肛肠科", "妇产科", "男科", "儿科", "眼科",
    "耳鼻咽喉科", "口腔科", "皮肤科", "精神心理科", "康复科", "中医科", "疼痛科", "急诊科",
)  # fmt: skip


class Location(Base):
    """A place patients are sent to (FHIR Location). `place` is how it is said: `门诊楼3层东`."""

    __tablename__ = "location"

    id: Mapped[UUID] = uuid_pk()
    campus: Mapped[str] = mapped_column(String(60), default="")
    building: Mapped[str] = mapped_column(String(60))
    floor: Mapped[int] = mapped_column(Integer)
    area: Mapped[str] = mapped_column(String(60), default="")
    place: Mapped[str] = mapped_column(String(120))


class HealthcareService(Base):
    """A department patients can be sent to (FHIR HealthcareService).

    `standard` is one of `STANDARD_DEPARTMENTS`. `kind`: `clinic` is booked by slot, `walk_in` is open
    without booking (fever, animal bites), `emergency`. `sensitive`: SMS and lock screens say `place`, never
    the name. Ages are whole years, both ends included; `sex` is `male`, `female` or None for everyone. `preparation`: what patients
    are told to bring or do before (空腹, 带上片子), one sentence.
    """

    __tablename__ = "healthcare_service"

    id: Mapped[UUID] = uuid_pk()
    code: Mapped[str] = mapped_column(String(40), unique=True)
    name: Mapped[str] = mapped_column(String(60), unique=True)
    standard: Mapped[str] = mapped_column(String(20), index=True)
    aliases: Mapped[list[str]] = mapped_column(JSON, default=list)
    kind: Mapped[str] = mapped_column(String(20), default="clinic")
    location_id: Mapped[UUID] = mapped_column(ForeignKey("location.id"))
    room: Mapped[str] = mapped_column(String(60), default="")
    place: Mapped[str] = mapped_column(String(120))
    phone_ext: Mapped[str] = mapped_column(String(20), default="")
    sensitive: Mapped[bool] = mapped_column(default=False)
    min_age: Mapped[int | None] = mapped_column(Integer)
    max_age: Mapped[int | None] = mapped_column(Integer)
    sex: Mapped[str | None] = mapped_column(String(10))
    preparation: Mapped[str] = mapped_column(String(200), default="", server_default="")
    intro: Mapped[str] = mapped_column(String(500), default="")
    position: Mapped[int] = mapped_column(Integer, default=0)
    active: Mapped[bool] = mapped_column(default=True)


class Practitioner(Base):
    """A doctor with clinics. `code` is the hospital's staff number; `title` as printed (`副主任医师`)."""

    __tablename__ = "practitioner"

    id: Mapped[UUID] = uuid_pk()
    code: Mapped[str] = mapped_column(String(40), unique=True)
    name: Mapped[str] = mapped_column(String(40), index=True)
    aliases: Mapped[list[str]] = mapped_column(JSON, default=list)
    title: Mapped[str] = mapped_column(String(40))
    department_id: Mapped[UUID] = mapped_column(ForeignKey("healthcare_service.id"), index=True)
    specialty: Mapped[str] = mapped_column(String(300), default="")
    intro: Mapped[str] = mapped_column(String(1000), default="")
    active: Mapped[bool] = mapped_column(default=True)


class DayKind(StrEnum):
    """What the hospital makes of a date: off although offices work, or worked although they do not."""

    OFF = "off"
    WORK = "work"


class HospitalDay(Base):
    """A date on which this hospital differs from the public calendar. `name`: how a day off is called (院庆).

    `as_weekday` (0 is Monday): on a day of work, the weekday whose clinics are held (周六按周一出诊).
    """

    __tablename__ = "hospital_day"

    day: Mapped[date] = mapped_column(Date, primary_key=True)
    kind: Mapped[str] = mapped_column(String(10))
    name: Mapped[str] = mapped_column(String(40), default="")
    as_weekday: Mapped[int | None] = mapped_column(Integer)
