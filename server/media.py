"""The media worker as the settings want it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import timedelta

from channels.media.hearing import CommandTranscriber, HttpTranscriber, Transcriber
from channels.media.scan import Clamd
from channels.media.vault import Vault
from channels.media.worker import MediaWorker, Policy
from channels.wechat.client import WeChatClient
from server.settings import Settings
from store.clock import Clock
from store.database import Database


def transcriber_of(settings: Settings) -> Transcriber | None:
    """The hospital's service, or the local command, or nobody."""
    if settings.transcriber_url:
        return HttpTranscriber(
            settings.transcriber_url, settings.transcriber_token, settings.transcriber_timeout
        )
    if settings.transcriber_command:
        return CommandTranscriber(settings.transcriber_command, settings.transcriber_timeout)
    return None


def media_worker(
    settings: Settings,
    database: Database,
    clock: Clock,
    clients: Mapping[str, WeChatClient],
    transcriber: Transcriber | None,
    wake_inbox: Callable[[], None],
) -> MediaWorker:
    """`clients`: account id → client. Opens nothing yet."""
    policy = Policy(
        max_bytes=settings.media_max_mb * 1024 * 1024,
        keep=timedelta(days=settings.media_keep_days),
        keep_voice=settings.media_keep_voice,
    )
    return MediaWorker(
        database,
        clock,
        clients,
        Vault(settings.media),
        policy,
        scanner=Clamd(settings.clamd) if settings.clamd else None,
        transcriber=transcriber,
        wake_inbox=wake_inbox,
    )
