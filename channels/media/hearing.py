"""Voice to text: the port, the hospital's HTTP service, a local command.

WeChat's own `Recognition` is dead (channels.md 1.1), and no model is bundled: no package of the index carries Chinese weights
in its wheel, and there is no other place to fetch them from. The contract of both ways is in docs/operations.md.
"""

from __future__ import annotations

import asyncio
import contextlib
import math
import shlex
from dataclasses import dataclass
from typing import Protocol

import aiohttp
import orjson

MAX_ANSWER = 64 * 1024
GONE_WITHIN = 5.0
MAX_TEXT = 2000
"""Characters of one transcript: a voice lasts at most 60 s (channels.md 1.5)."""


@dataclass(frozen=True, slots=True)
class Heard:
    """What was said; `confidence` from 0 to 1. An empty `text` is silence or noise."""

    text: str
    confidence: float


class NotHeard(RuntimeError):
    """The transcriber gave no usable answer. `again`: trying later may help."""

    def __init__(self, reason: str, *, again: bool) -> None:
        super().__init__(reason)
        self.again = again


class Transcriber(Protocol):
    async def hear(self, audio: bytes, content_type: str) -> Heard:
        """Raises `NotHeard`."""
        ...

    async def close(self) -> None: ...


class HttpTranscriber:
    """The hospital's service: the audio is the body of a POST, `{"text", "confidence"}` the answer."""

    def __init__(self, url: str, token: str = "", timeout: float = 20.0) -> None:
        self._url = url
        self._headers = {"Authorization": f"Bearer {token}"} if token else {}
        self._timeout = aiohttp.ClientTimeout(total=timeout, connect=5)
        self._session: aiohttp.ClientSession | None = None

    async def hear(self, audio: bytes, content_type: str) -> Heard:
        if self._session is None:
            self._session = aiohttp.ClientSession(timeout=self._timeout, trust_env=False)
        headers = {**self._headers, "Content-Type": content_type, "Accept": "application/json"}
        try:
            async with self._session.post(
                self._url, data=audio, headers=headers, allow_redirects=False
            ) as response:
                body = await response.content.read(MAX_ANSWER)
                if response.status == 422:
                    raise NotHeard("the service cannot read this audio", again=False)
                if response.status != 200:
                    raise NotHeard(f"HTTP {response.status}", again=True)
        except (aiohttp.ClientError, TimeoutError, OSError) as error:
            raise NotHeard(type(error).__name__, again=True) from error
        return read_answer(body)

    async def close(self) -> None:
        if self._session is not None:
            await self._session.close()
            self._session = None


class CommandTranscriber:
    """A program on this machine: the audio comes on its standard input, `{"text", "confidence"}` goes to standard output.

    It is started without a shell; its last argument is the content type.
    """

    def __init__(self, command: str, timeout: float = 60.0) -> None:
        self._command = shlex.split(command)
        self._timeout = timeout

    async def hear(self, audio: bytes, content_type: str) -> Heard:
        try:
            process = await asyncio.create_subprocess_exec(
                *self._command,
                content_type,
                stdin=asyncio.subprocess.PIPE,
                stdout=asyncio.subprocess.PIPE,
                stderr=asyncio.subprocess.DEVNULL,
            )
        except OSError as error:
            raise NotHeard(f"cannot start: {type(error).__name__}", again=True) from error
        try:
            async with asyncio.timeout(self._timeout):
                said = await _talk(process, audio)
        except TimeoutError:
            raise NotHeard("the command takes too long", again=True) from None
        finally:
            if process.returncode is None:
                with contextlib.suppress(ProcessLookupError):
                    process.kill()
                await _gone(process)
        if process.returncode:
            raise NotHeard(f"exit code {process.returncode}", again=True)
        return read_answer(said)

    async def close(self) -> None:
        return


async def _talk(process: asyncio.subprocess.Process, audio: bytes) -> bytes:
    """What the program says to `audio`. Raises `NotHeard` as soon as it says more than an answer can hold: it may never end."""
    assert process.stdin is not None and process.stdout is not None
    feeding = asyncio.create_task(_feed(process.stdin, audio))
    said = b""
    try:
        while more := await process.stdout.read(MAX_ANSWER):
            said += more
            if len(said) > MAX_ANSWER:
                raise NotHeard("the command says too much", again=True)
        await process.wait()
    finally:
        feeding.cancel()
        await asyncio.gather(feeding, return_exceptions=True)
    return said


async def _gone(process: asyncio.subprocess.Process) -> None:
    """Until a killed program is gone, some seconds at most. What it said is read away first: `wait` comes back only when its pipe is
    closed, and a pipe that was too full to go on being read is never seen to close."""
    assert process.stdout is not None
    with contextlib.suppress(TimeoutError):
        async with asyncio.timeout(GONE_WITHIN):
            while await process.stdout.read(MAX_ANSWER):
                pass
            await process.wait()


async def _feed(pipe: asyncio.StreamWriter, audio: bytes) -> None:
    """A program may answer before it has read everything, and close."""
    with contextlib.suppress(BrokenPipeError, ConnectionResetError):
        pipe.write(audio)
        await pipe.drain()
    pipe.close()


def read_answer(body: bytes) -> Heard:
    """`{"text": str, "confidence": 0..1}`; without a confidence 1. Raises `NotHeard` for anything else."""
    try:
        answer = orjson.loads(body)
    except orjson.JSONDecodeError:
        raise NotHeard("the answer is not JSON", again=True) from None
    text = answer.get("text") if isinstance(answer, dict) else None
    sure = answer.get("confidence", 1.0) if isinstance(answer, dict) else None
    if (
        not isinstance(text, str)
        or isinstance(sure, bool)
        or not isinstance(sure, int | float)
        or not math.isfinite(sure)
    ):
        raise NotHeard("the answer lacks text or confidence", again=True)
    return Heard(" ".join(text.split())[:MAX_TEXT], min(1.0, max(0.0, float(sure))))
