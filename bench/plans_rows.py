"""The rows of `bench.plans`, written by sets on both databases: patients with their record, and whom the ticks go past.

Ids are counted, so that a span of patients is a range. On PostgreSQL indexes and foreign keys are left out while rows come in and made
up for afterwards; all of it is checked by the counts the bench asserts.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from uuid import UUID

from sqlalchemy import Connection, Engine, text

PATIENT, STAY, OPERATION, DIAGNOSIS, PLAN, TOUCH = 0, 1, 2, 3, 16, 32
"""First eight hexadecimal digits of ids; of the nth plan's `PLAN + n`, `TOUCH + n`."""
FILLED = ("patient", "encounter", "procedure", "condition", "care_plan", "plan_touch")
_FIRST = "2026-11-15"
"""The first day a stay ended; they end on nine days in turn."""


def id_of(number: int) -> UUID:
    """Of a patient."""
    return UUID(f"00000000-0000-7000-8000-{number:012x}")


class Rows:
    def __init__(self, engine: Engine, ward: UUID) -> None:
        self._engine, self._sqlite = engine, engine.dialect.name == "sqlite"
        self._ward = f"'{ward.hex if self._sqlite else ward}'"

    def patients(self, first: int, last: int) -> None:
        """Women who left the ward, were operated on there and have a diagnosis."""
        day, new, of = self._day, self._id, self._id(PATIENT)
        moment = self._moment(-30)
        empty = "x''" if self._sqlite else "CAST('' AS bytea)"
        self._fill(
            first,
            last,
            [
                "INSERT INTO patient (id, record_number_sealed, record_number_hash, name_sealed, name_hash, sex, status,"
                f" confidential, created_at) SELECT {of}, {empty}, 'r' || n, {empty}, 'n' || n, 'female', 'active', false, {moment}",
                "INSERT INTO encounter (id, patient_id, kind, department_id, start_date, end_date)"
                f" SELECT {new(STAY)}, {of}, 'inpatient', {self._ward}, {day(-5)}, {day(0)}",
                "INSERT INTO procedure (id, patient_id, code, display, status, performed_date)"
                f" SELECT {new(OPERATION)}, {of}, '51.23', 'x', 'completed', {day(-2)}",
                "INSERT INTO condition (id, patient_id, code, display, recorded_date)"
                f" SELECT {new(DIAGNOSIS)}, {of}, 'K80.1', 'x', {day(-3)}",
            ],
        )

    def in_plans(self, names: Sequence[str], version: int, first: int, last: int) -> None:
        """These patients in each of the plans, each with a touch to come in two months."""
        new, of, at = self._id, self._id(PATIENT), self._moment(60)
        said = []
        for number, name in enumerate(names):
            mine = new(PLAN + number)
            said += [
                "INSERT INTO care_plan (id, patient_id, plan, version, key, anchor_date, anchors, status, source, started_at, closes_on)"
                f" SELECT {mine}, {of}, '{name}', {version}, '{name}:' || n, {self._day(0)}, '{{}}', 'active', 'event',"
                f" {self._moment(0)}, {self._day(200)}",
                "INSERT INTO plan_touch (id, care_plan_id, patient_id, step, version, kind, priority, planned_for, due_at, status,"
                f" attempts, pinned) SELECT {new(TOUCH + number)}, {mine}, {of}, 's0', {version}, 'message', 5, {at}, {at}, 'planned',"
                " 0, false",
            ]
        self._fill(first, last, said)

    def run(self, statement: str) -> None:
        with self._engine.begin() as rows:
            rows.execute(text(statement))

    def _fill(self, first: int, last: int, statements: Sequence[str]) -> None:
        series = (
            "(WITH RECURSIVE one(n) AS (SELECT :first UNION ALL SELECT n + 1 FROM one WHERE n < :last) SELECT n FROM one)"
            if self._sqlite
            else "generate_series(CAST(:first AS int), CAST(:last AS int)) AS one(n)"
        )
        with self._engine.begin() as rows, self._bare(rows):
            for one in statements:
                rows.execute(text(f"{one} FROM {series}"), {"first": first, "last": last})
        self.run("ANALYZE")

    @contextmanager
    def _bare(self, rows: Connection) -> Iterator[None]:
        """Without the indexes that are no constraint, and without looking up foreign keys row by row."""
        if self._sqlite:
            yield
            return
        found = rows.execute(
            text(
                "SELECT i.indexname, i.indexdef FROM pg_indexes i WHERE i.tablename = ANY (:tables) AND NOT EXISTS (SELECT 1 FROM"
                " pg_constraint c WHERE c.conname = i.indexname)"
            ),
            {"tables": list(FILLED)},
        ).all()
        rows.execute(text("SET LOCAL session_replication_role = replica"))
        rows.execute(text("SET LOCAL maintenance_work_mem = '512MB'"))
        for name, _ in found:
            rows.execute(text(f'DROP INDEX "{name}"'))
        yield
        for _, definition in found:
            rows.execute(text(definition))

    def _id(self, prefix: int) -> str:
        if self._sqlite:
            return f"'{prefix:08x}000070008000' || printf('%012x', n)"
        return f"CAST('{prefix:08x}-0000-7000-8000-' || lpad(to_hex(n), 12, '0') AS uuid)"

    def _day(self, plus: int) -> str:
        if self._sqlite:
            return f"date('{_FIRST}', printf('%+d days', n % 9 + {plus}))"
        return f"(DATE '{_FIRST}' + n % 9 + {plus})"

    def _moment(self, plus: int) -> str:
        if self._sqlite:
            return f"{self._day(plus)} || ' 00:00:00.000000'"
        return f"CAST({self._day(plus)} AS timestamp) AT TIME ZONE 'UTC'"
