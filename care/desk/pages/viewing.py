"""`/desk/media/{inbound}`: a picture, voice or film a patient sent, opened from its seal for staff who may read the conversation."""

from __future__ import annotations

import asyncio
from uuid import UUID

from fastapi import APIRouter, HTTPException
from starlette.responses import Response

from care.desk.pages.desk import Nurse
from care.desk.pages.tools import Tools
from care.desk.reading import read_conversation
from channels.inbox.models import InboundMessage
from channels.media import service as media
from store.crypto import CryptoError

SHOWN = frozenset({"image/png", "image/jpeg", "image/gif", "image/webp"})
"""What a browser shows in the page; everything else is downloaded."""


def add_routes(router: APIRouter, tools: Tools) -> None:
    @router.get("/media/{inbound_id}")
    async def medium(staff: Nurse, inbound_id: UUID) -> Response:
        async with tools.desk.database.write("desk medium") as session:
            message = await session.get(InboundMessage, inbound_id)
            item = await media.of_message(session, inbound_id) if message is not None else None
            if message is None or item is None or item.state != "fetched" or not item.path:
                raise HTTPException(404)
            allowed = await read_conversation(
                session,
                conversation_id=message.conversation_id,
                contact_id=message.contact_id,
                patient_id=None,
                staff_id=staff.id,
                now=tools.clock.now(),
                page="conversation",
                part="medium",
            )
        if not allowed:
            raise HTTPException(403)
        try:
            content = await asyncio.to_thread(tools.vault.get, item.id, item.path)
        except (FileNotFoundError, CryptoError) as error:
            raise HTTPException(404) from error
        kind = item.content_type or "application/octet-stream"
        headers = {
            "Cache-Control": "no-store",
            "Content-Security-Policy": "default-src 'none'; sandbox",
            "Content-Disposition": "inline"
            if kind in SHOWN
            else f'attachment; filename="{item.kind}-{item.id}"',
        }
        return Response(content, media_type=kind, headers=headers)
