"""Service recovery, as the house hands it its parts."""

from __future__ import annotations

from fastapi import FastAPI

from care.desk.pages.desk import Desk
from care.recovery.pages import recovery_router
from care.recovery.worker import RecoveryWorker
from server.house import House


def add_recovery(app: FastAPI, house: House) -> None:
    """Routes on `app`, the worker in the house."""
    services = house.services
    worker = RecoveryWorker(
        house.database,
        house.clock,
        complains=lambda comment: services.mood(comment).complaint,
        due_at=services.due_at,
        hospital=house.settings.hospital_name,
    )
    house.work.workers.append(worker.run)
    app.include_router(recovery_router(Desk(house.database, house.clock)))
