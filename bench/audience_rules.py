"""Audiences as editors make them, and the SQL somebody who knows the tables would write for each, by hand."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True, slots=True)
class Case:
    """`rule` as it is stored. `sql`: with `{ago_30}` for the day thirty days ago, `{today}`, `{on}` for true."""

    name: str
    rule: dict[str, Any]
    sql: str


def _all(*rules: dict[str, Any]) -> dict[str, Any]:
    return {"kind": "all", "rules": list(rules)}


CASES = (
    Case(
        "newly_diagnosed_unread",
        _all(
            {"kind": "condition", "codes": ["E11"], "at_most": 30},
            {"kind": "reading", "negate": True, "topics": ["diabetes"]},
        ),
        """
        SELECT count(DISTINCT c.patient_id) FROM condition c JOIN patient p ON p.id = c.patient_id
        WHERE c.code >= 'E11' AND c.code < 'E12' AND c.recorded_date BETWEEN {ago_30} AND {today}
          AND (c.ended_date IS NULL OR c.ended_date > {today}) AND p.status = 'active'
          AND NOT EXISTS (SELECT 1 FROM article_read r WHERE r.patient_id = p.id AND r.topic = 'diabetes')
        """,
    ),
    Case(
        "women_of_a_city_on_wechat",
        _all(
            {"kind": "sex", "among": ["female"]},
            {"kind": "age", "at_least": 45, "at_most": 65},
            {"kind": "residence", "codes": ["3301"]},
            {"kind": "channel", "among": ["wechat"]},
            {"kind": "consent", "purpose": "education"},
        ),
        """
        SELECT count(*) FROM patient p
        WHERE p.status = 'active' AND p.sex = 'female' AND p.birth_year BETWEEN {year} - 65 AND {year} - 45
          AND p.residence_code >= '3301' AND p.residence_code < '3302'
          AND EXISTS (SELECT 1 FROM patient_contact l JOIN contact k ON k.id = l.contact_id
                      WHERE l.patient_id = p.id AND k.status = 'active' AND k.channel = 'wechat')
          AND EXISTS (SELECT 1 FROM consent_now a WHERE a.subject_id = p.id AND a.purpose = 'education' AND a.granted)
        """,
    ),
    Case(
        "after_surgery_or_discharge",
        _all(
            {
                "kind": "any",
                "rules": [
                    {"kind": "event", "event": "surgery", "at_least": 7, "at_most": 42},
                    {"kind": "event", "event": "discharge", "at_most": 14},
                ],
            },
            {"kind": "visit", "at_most": 7, "negate": True},
        ),
        """
        SELECT count(*) FROM patient p WHERE p.status = 'active'
          AND p.id IN (
            SELECT s.patient_id FROM procedure s WHERE s.status = 'completed' AND s.performed_date BETWEEN {ago_42} AND {ago_7}
              AND NOT EXISTS (SELECT 1 FROM procedure n WHERE n.patient_id = s.patient_id AND n.status = 'completed'
                              AND n.performed_date > {ago_7} AND n.performed_date <= {today})
            UNION
            SELECT e.patient_id FROM encounter e WHERE e.kind = 'inpatient' AND e.end_date BETWEEN {ago_14} AND {today})
          AND NOT EXISTS (SELECT 1 FROM encounter v WHERE v.patient_id = p.id AND v.kind IN ('outpatient', 'emergency')
                          AND v.start_date BETWEEN {ago_7} AND {today})
        """,
    ),
    Case(
        "chronic_and_long_not_seen",
        _all(
            {"kind": "condition", "codes": ["I10", "E11", "I25"]},
            {"kind": "age", "at_least": 65},
            {"kind": "visit", "at_least": 180},
        ),
        """
        SELECT count(*) FROM patient p WHERE p.status = 'active' AND p.birth_year <= {year} - 65
          AND EXISTS (SELECT 1 FROM condition c WHERE c.patient_id = p.id AND c.recorded_date <= {today}
                      AND (c.code >= 'I10' AND c.code < 'I11' OR c.code >= 'E11' AND c.code < 'E12' OR c.code >= 'I25' AND c.code < 'I26')
                      AND (c.ended_date IS NULL OR c.ended_date > {today}))
          AND EXISTS (SELECT 1 FROM encounter v WHERE v.patient_id = p.id AND v.kind IN ('outpatient', 'emergency')
                      AND v.start_date <= {ago_180})
          AND NOT EXISTS (SELECT 1 FROM encounter v WHERE v.patient_id = p.id AND v.kind IN ('outpatient', 'emergency')
                          AND v.start_date > {ago_180} AND v.start_date <= {today})
        """,
    ),
    Case(
        "pregnant_12_to_28_weeks",
        _all(
            {"kind": "pregnancy", "at_least": 12, "at_most": 28},
            {"kind": "consent", "purpose": "education"},
            {"kind": "reading", "negate": True, "topics": ["pregnancy"], "within": 30},
        ),
        """
        SELECT count(DISTINCT g.patient_id) FROM pregnancy g JOIN patient p ON p.id = g.patient_id
        JOIN consent_now a ON a.subject_id = p.id AND a.purpose = 'education' AND a.granted
        WHERE p.status = 'active' AND g.lmp_date BETWEEN {ago_202} AND {ago_84}
          AND (g.ended_date IS NULL OR g.ended_date > {today})
          AND NOT EXISTS (SELECT 1 FROM article_read r WHERE r.patient_id = p.id AND r.topic = 'pregnancy'
                          AND r.opened_at >= {begin_30})
        """,
    ),
    Case(
        "ignored_or_tagged_of_nobody_else",
        _all(
            {
                "kind": "any",
                "rules": [
                    {"kind": "reading", "how": "ignored", "topics": ["hypertension"], "within": 90},
                    {"kind": "tag", "among": ["重点随访"]},
                ],
            },
            {"kind": "not", "rules": [{"kind": "condition", "codes": ["F"]}, {"kind": "sex", "among": ["unknown"]}]},
        ),
        """
        SELECT count(*) FROM patient p WHERE p.status = 'active' AND p.sex <> 'unknown'
          AND p.id IN (
            SELECT s.patient_id FROM article_sent s WHERE s.topic = 'hypertension' AND s.sent_at >= {begin_90} AND s.sent_at < {end_3}
              AND NOT EXISTS (SELECT 1 FROM article_read r WHERE r.patient_id = s.patient_id AND r.topic = 'hypertension'
                              AND r.opened_at >= {begin_90})
            UNION SELECT t.patient_id FROM patient_tag t WHERE t.tag = '重点随访')
          AND NOT EXISTS (SELECT 1 FROM condition c WHERE c.patient_id = p.id AND c.code >= 'F' AND c.code < 'G'
                          AND c.recorded_date <= {today} AND (c.ended_date IS NULL OR c.ended_date > {today}))
        """,
    ),
    Case(
        "everyone_but_the_young",
        _all({"kind": "age", "at_most": 17, "negate": True}),
        "SELECT count(*) FROM patient p WHERE p.status = 'active' AND NOT (p.birth_year IS NOT NULL AND p.birth_year >= {year} - 17)",
    ),
)  # fmt: skip
