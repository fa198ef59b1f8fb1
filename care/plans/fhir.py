"""A plan as FHIR R4 PlanDefinition and a patient's as CarePlan, at the border. What FHIR has no place for is in extensions of ours."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from care.plans.definition import Plan, Step
from care.plans.models import CarePlan, Touch, TouchStatus

BASE = "https://banyi.example/fhir"
_PLAN = f"{BASE}/StructureDefinition/plan-"
_ACTIVITY = {
    TouchStatus.PLANNED: "scheduled",
    TouchStatus.SENDING: "in-progress",
    TouchStatus.SENT: "in-progress",
    TouchStatus.ANSWERED: "completed",
    TouchStatus.DONE: "completed",
    TouchStatus.SKIPPED: "cancelled",
    TouchStatus.CANCELLED: "cancelled",
}
"""FHIR's CarePlanActivityStatus."""


def plan_definition(plan: Plan, *, retired: bool = False) -> dict[str, Any]:
    """`PlanDefinition`: an action a step, related to the anchor by an offset in days. A template not signed is a draft."""
    status = "retired" if retired else "active" if plan.signed_by else "draft"
    return {
        "resourceType": "PlanDefinition",
        "language": "zh-CN",
        "url": f"{BASE}/PlanDefinition/{plan.name}",
        "version": f"{plan.version}.{plan.revision}",
        "name": plan.name,
        "title": plan.title,
        "status": status,
        **({"description": plan.description} if plan.description else {}),
        **({"endorser": [{"name": plan.signed_by}]} if plan.signed_by else {}),
        "relatedArtifact": [{"type": "citation", "display": plan.source}],
        "extension": [
            {"url": f"{_PLAN}anchor", "valueCode": plan.anchor},
            {"url": f"{_PLAN}closes-after-days", "valueInteger": plan.closes_after_days},
            *({"url": f"{_PLAN}code", "valueCode": one} for one in plan.codes),
            *({"url": f"{_PLAN}department", "valueString": one} for one in plan.departments),
            *({"url": f"{_PLAN}stops", "valueCode": one} for one in sorted(plan.stops)),
        ],
        "action": [_action(one, plan) for one in plan.steps],
    }


def _action(step: Step, plan: Plan) -> dict[str, Any]:
    said = [str(value) for _, value in sorted(step.content.items())]
    return {
        "id": step.id,
        "title": step.title,
        "description": " ".join(said),
        "code": [{"text": step.kind}],
        "relatedAction": [
            {
                "actionId": step.anchor or plan.anchor,
                "relationship": "after" if step.days >= 0 else "before",
                "offsetDuration": {
                    "value": abs(step.days),
                    "unit": "d",
                    "system": "http://unitsofmeasure.org",
                    "code": "d",
                },
            }
        ],
        "extension": [
            {"url": f"{_PLAN}at", "valueTime": step.at.isoformat()},
            {"url": f"{_PLAN}workday", "valueCode": step.workday},
            {"url": f"{_PLAN}late", "valueCode": step.late},
            {"url": f"{_PLAN}stale-days", "valueInteger": step.stale_days},
            {"url": f"{_PLAN}priority", "valueInteger": step.priority},
        ],
    }


def care_plan(row: CarePlan, plan: Plan, touches: Sequence[Touch]) -> dict[str, Any]:
    """`CarePlan` with an activity a touch; the caller records the read in the audit trail."""
    titles = {one.id: one.title for one in plan.steps}
    return {
        "resourceType": "CarePlan",
        "id": str(row.id),
        "language": "zh-CN",
        "instantiatesUri": [f"{BASE}/PlanDefinition/{row.plan}"],
        "status": row.status,
        "intent": "plan",
        "title": plan.title,
        "subject": {"reference": f"Patient/{row.patient_id}"},
        "period": {
            "start": row.anchor_date.isoformat(),
            "end": (row.ended_at.date() if row.ended_at else row.closes_on).isoformat(),
        },
        "activity": [
            {
                "detail": {
                    "status": _ACTIVITY[TouchStatus(one.status)],
                    "description": titles.get(one.step, one.step),
                    "scheduledString": one.planned_for.isoformat(),
                    **({"statusReason": {"text": one.reason}} if one.reason else {}),
                }
            }
            for one in touches
        ],
    }
