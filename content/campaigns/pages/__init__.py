"""`/content/campaigns`: what editors, reviewers and operators do campaigns with."""

from __future__ import annotations

from fastapi import APIRouter, Depends

from content.campaigns.pages import listing, people, running, trying, writing
from content.campaigns.pages.desk import CampaignDesk
from web.security import csrf_protect

__all__ = ["CampaignDesk", "campaigns_router"]


def campaigns_router(desk: CampaignDesk) -> APIRouter:
    """The pages and their buttons."""
    router = APIRouter(
        prefix="/content/campaigns", include_in_schema=False, dependencies=[Depends(csrf_protect)]
    )
    for subject in (listing, writing, trying, people, running):
        subject.add_routes(router, desk)
    return router
