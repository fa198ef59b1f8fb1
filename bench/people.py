"""A hospital's patients, as many as wanted, made in a stream: the same for the same seed, in memory no more than a chunk.

Only what audiences, campaigns and their gate ask for is true to life: codes, dates, sex, year of birth, tags, contacts, consents,
articles sent and read. **Names, numbers and addresses are not sealed anew a million times: their columns hold random bytes of a
usual length** (nothing can be opened; the rows are as wide as real ones). Frequencies are plausible for a general hospital in
China, not those of any.

`python -m bench.people 1000000 sqlite+aiosqlite:///big.db` fills a migrated, empty database.
"""

from __future__ import annotations

import asyncio
import hashlib
import random
import sqlite3
import sys
import time
from collections import defaultdict
from collections.abc import Callable, Iterator
from datetime import UTC, date, datetime, timedelta
from itertools import islice
from typing import Any
from uuid import UUID

import asyncpg
from sqlalchemy import insert, make_url

from care.hospital.models import HealthcareService, Location
from care.hospital.seed import demo_id
from care.hospital.words import load
from store.database import Database

CHUNK = 5_000
SEED = 20_260_101
ARTICLES = [UUID(int=0xA57 << 64 | n) for n in range(60)]
TOPICS = ("diabetes", "hypertension", "heart", "stroke", "lung", "surgery", "pregnancy", "newborn_child", "cancer", "mental",
          "medicines", "vaccination")  # fmt: skip
REGIONS = ("330106", "330105", "330108", "330110", "330109", "330111", "330402", "310104", "320505", "340104")
TAGS = ("家庭医生签约", "重点随访", "独居")
SURGERIES = (
    ("81.5400", "orthopedics"),
    ("80.6x00", "orthopedics"),
    ("51.2300", "general-surgery"),
    ("13.4100", "ophthalmology"),
)
COLUMNS: dict[str, tuple[str, ...]] = {
    "patient": ("id", "record_number_sealed", "record_number_hash", "name_sealed", "name_hash", "sex", "birth_year",
                "birth_date_sealed", "phone_sealed", "phone_hash", "residence_code", "language", "status", "confidential", "created_at"),
    "condition": ("id", "patient_id", "code", "display", "recorded_date", "onset_date", "ended_date"),
    "encounter": ("id", "patient_id", "kind", "department_id", "start_date", "end_date"),
    "procedure": ("id", "patient_id", "code", "display", "status", "performed_date", "department_id"),
    "pregnancy": ("id", "patient_id", "lmp_date", "ended_date", "outcome"),
    "patient_tag": ("patient_id", "tag", "tagged_at"),
    "consent_now": ("subject_id", "purpose", "granted", "consent_id", "at"),
    "article_sent": ("id", "patient_id", "article_id", "topic", "sent_at"),
    "article_read": ("id", "patient_id", "article_id", "topic", "opened_at", "finished_at", "dwell", "source"),
    "contact": ("id", "channel", "account_id", "address_sealed", "address_hash", "status", "holder", "created_at"),
    "patient_contact": ("id", "patient_id", "contact_id", "relation", "confirmed_at"),
}  # fmt: skip

Chunk = dict[str, list[tuple[Any, ...]]]


class _Ids:
    """Ids shaped like UUIDv7, in order, the same for the same seed."""

    def __init__(self, chance: random.Random) -> None:
        self._chance, self._next = chance, 0x0190_0000_0000

    def __call__(self) -> UUID:
        self._next += 1
        tail = self._chance.getrandbits(74)
        return UUID(int=self._next << 80 | 7 << 76 | (tail >> 62) << 64 | 2 << 62 | tail & ((1 << 62) - 1))


def chunks(count: int, now: datetime, *, seed: int = SEED, size: int = CHUNK) -> Iterator[Chunk]:
    """Rows by table in the order of `COLUMNS`, `size` patients at a time; dates count back from `now` (aware)."""
    chance = random.Random(seed)
    ids, table = _Ids(chance), load("conditions")
    weights = [entry["weight"] for entry in table]
    departments = {entry["code"]: demo_id("department", entry["code"]) for entry in load("departments")}
    numbers = iter(range(count))
    while batch := list(islice(numbers, size)):
        rows: Chunk = defaultdict(list)
        for number in batch:
            found = chance.choices(table, weights, k=chance.choice((1, 1, 1, 2, 2, 3)))
            _person(number, ids, chance, now, found, departments, rows)
        yield rows


def _person(
    number: int,
    ids: _Ids,
    chance: random.Random,
    now: datetime,
    conditions: list[dict[str, Any]],
    departments: dict[str, UUID],
    rows: Chunk,
) -> None:
    today, me, first = now.date(), ids(), conditions[0]
    sex = first.get("sex") or chance.choice(("male", "female"))
    born = today.year - chance.randint(*first["ages"])
    mark = hashlib.blake2b(number.to_bytes(8, "big"), digest_size=24).hexdigest()
    status = "active" if chance.random() < 0.97 else chance.choice(("died", "moved"))

    def ago(days: int) -> date:
        return today - timedelta(days=days)

    def some_days(mean: int, most: int = 3000) -> int:
        return min(most, int(chance.expovariate(1 / mean)))

    rows["patient"].append(
        (me, chance.randbytes(40), f"h1:{mark}", chance.randbytes(38), f"n:{mark[:40]}", sex, born, chance.randbytes(42),
         chance.randbytes(46), f"p:{mark}", chance.choice(REGIONS) if chance.random() < 0.9 else None,
         None if chance.random() < 0.98 else "en", status, False, now - timedelta(days=some_days(900)))
    )  # fmt: skip
    for code in {entry["code"]: entry for entry in conditions if entry.get("sex", sex) == sex}.values():
        recorded = ago(some_days(700))
        over = ago(some_days(200)) if chance.random() < 0.1 else None
        rows["condition"].append((ids(), me, code["code"], code["display"], recorded, recorded, over))
    visits = {(some_days(240), chance.choice(conditions)["department"]) for _ in range(chance.randint(0, 5))}
    for days, place in sorted(visits):  # a set's own order differs from run to run
        kind = (
            "outpatient" if chance.random() < 0.85 else "emergency" if chance.random() < 0.4 else "inpatient"
        )
        left = ago(max(0, days - chance.randint(2, 14))) if kind == "inpatient" else ago(days)
        rows["encounter"].append((ids(), me, kind, departments[place], ago(days), left))
    if chance.random() < 0.08:
        code, place = chance.choice(SURGERIES)
        planned = chance.random() < 0.1
        when = today + timedelta(days=chance.randint(0, 30)) if planned else ago(some_days(400))
        rows["procedure"].append(
            (ids(), me, code, code, "planned" if planned else "completed", when, departments[place])
        )
    if sex == "female" and 20 <= today.year - born <= 42 and chance.random() < 0.15:
        lmp = ago(chance.randint(0, 900))
        ended = lmp + timedelta(days=chance.randint(255, 290))
        over = ended <= today
        rows["pregnancy"].append((ids(), me, lmp, ended if over else None, "birth" if over else None))
    rows["patient_tag"] += [(me, tag, now) for tag in TAGS if chance.random() < 0.06]
    for purpose, share in (("service_notice", 0.95), ("education", 0.7), ("follow_up", 0.8), ("survey", 0.6)):
        if chance.random() < share:
            rows["consent_now"].append((me, purpose, chance.random() < 0.95, ids(), now))
    _articles(me, ids, chance, now, rows)
    _contacts(me, ids, chance, now, mark, rows)


def _articles(me: UUID, ids: _Ids, chance: random.Random, now: datetime, rows: Chunk) -> None:
    for _ in range(chance.choice((0, 0, 1, 1, 2, 3))):
        number = chance.randrange(len(ARTICLES))
        topic, sent = TOPICS[number % len(TOPICS)], now - timedelta(minutes=chance.randint(0, 60 * 24 * 240))
        rows["article_sent"].append((ids(), me, ARTICLES[number], topic, sent))
        if chance.random() < 0.45:
            opened = min(now, sent + timedelta(minutes=some_minutes(chance)))
            finished = opened if chance.random() < 0.6 else None
            rows["article_read"].append(
                (ids(), me, ARTICLES[number], topic, opened, finished, chance.randint(3, 400), "wechat")
            )


def some_minutes(chance: random.Random) -> int:
    """From a message to its opening: most within the day, some within the week."""
    return int(chance.expovariate(1 / 900))


def _contacts(me: UUID, ids: _Ids, chance: random.Random, now: datetime, mark: str, rows: Chunk) -> None:
    for channel, share in (("sms", 0.9), ("wechat", 0.55)):
        if chance.random() >= share:
            continue
        contact = ids()
        alive = "active" if chance.random() < 0.96 else "stopped"
        rows["contact"].append(
            (contact, channel, "bench", chance.randbytes(50), f"{channel}:{mark}", alive, "self", now)
        )
        rows["patient_contact"].append((ids(), me, contact, "self", now))


async def departments(database: Database) -> None:
    """The departments the rows point to."""
    async with database.write("bench-departments") as session:
        place = Location(
            id=demo_id("location", "bench"), building="门诊楼", floor=1, place="门诊楼1层", campus="", area=""
        )
        session.add(place)
        await session.flush()
        columns = [
            {"id": demo_id("department", one["code"]), "code": one["code"], "name": one["name"], "location_id": place.id,
             "standard": one.get("standard", one["name"]), "aliases": [], "place": place.place, "room": "", "phone_ext": "",
             "kind": "clinic", "sensitive": False, "intro": "", "position": 0, "active": True}
            for one in load("departments")
        ]  # fmt: skip
        await session.execute(insert(HealthcareService), columns)


async def fill(database: Database, count: int, now: datetime, *, say: Callable[[str], None] = print) -> None:
    """Fill a migrated, empty database: indexes are set aside while rows come in bulk, then made and analysed."""
    begun = time.perf_counter()
    await departments(database)
    if database.is_sqlite:
        await asyncio.to_thread(_fill_sqlite, str(database.url.database), count, now)
    else:
        await _fill_postgresql(database.url.set(drivername="postgresql").render_as_string(False), count, now)
    say(f"{count:,} patients in {time.perf_counter() - begun:.0f} s")


def _fill_sqlite(path: str, count: int, now: datetime) -> None:
    def plain(value: Any) -> Any:
        if isinstance(value, UUID):
            return value.hex
        if isinstance(value, datetime):
            return value.astimezone(UTC).strftime("%Y-%m-%d %H:%M:%S.%f")
        return value.isoformat() if isinstance(value, date) else value

    connection = sqlite3.connect(path, isolation_level=None)
    for pragma in ("journal_mode=WAL", "synchronous=OFF", "cache_size=-200000", "temp_store=MEMORY"):
        connection.execute(f"PRAGMA {pragma}")
    marks = ", ".join("?" * len(COLUMNS))
    known = connection.execute(
        f"SELECT name, sql FROM sqlite_master WHERE type = 'index' AND sql IS NOT NULL AND tbl_name IN ({marks})",
        list(COLUMNS),
    ).fetchall()
    for name, _ in known:
        connection.execute(f'DROP INDEX "{name}"')
    for rows in chunks(count, now):
        connection.execute("BEGIN")
        for table, columns in COLUMNS.items():
            values = ", ".join("?" * len(columns))
            statement = f'INSERT INTO "{table}" ({", ".join(map(_quoted, columns))}) VALUES ({values})'
            connection.executemany(statement, [tuple(map(plain, row)) for row in rows[table]])
        connection.execute("COMMIT")
    for _, statement in known:
        connection.execute(statement)
    connection.execute("ANALYZE")
    connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    connection.close()


def _quoted(name: str) -> str:
    return f'"{name}"'


async def _fill_postgresql(url: str, count: int, now: datetime) -> None:
    connection: Any = await asyncpg.connect(url)
    await connection.execute(
        "SET session_replication_role = replica"
    )  # the rows are right: foreign keys are not asked
    known = await connection.fetch(
        "SELECT indexname AS name, indexdef AS made FROM pg_indexes WHERE schemaname = 'public' AND tablename = ANY($1)"
        " AND NOT EXISTS (SELECT FROM pg_constraint WHERE conname = indexname)",
        list(COLUMNS),
    )
    for row in known:
        await connection.execute(f'DROP INDEX "{row["name"]}"')
    for rows in chunks(count, now):
        async with connection.transaction():
            for table, columns in COLUMNS.items():
                await connection.copy_records_to_table(table, records=rows[table], columns=columns)
    await connection.execute("SET maintenance_work_mem = '256MB'")
    for row in known:
        await connection.execute(row["made"])
    await connection.execute("VACUUM ANALYZE")
    await connection.close()


async def _main(count: int, url: str) -> None:
    database = Database(url)
    try:
        await fill(database, count, datetime(2026, 11, 22, 1, 0, tzinfo=UTC))
    finally:
        await database.close()


if __name__ == "__main__":
    asyncio.run(_main(int(sys.argv[1]), make_url(sys.argv[2]).render_as_string(False)))
