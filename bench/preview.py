"""The editor: from a keystroke to the phone's picture beside it, in Chromium, in the longest article of the seed library.

Baseline: from the keystroke to the next picture of the text that is being written, without anything of ours after it.
`python -m bench.preview`; Chromium is the tests' own.
"""

from __future__ import annotations

import asyncio
import os
import shutil
import statistics
from datetime import UTC, datetime

from playwright.async_api import async_playwright

from bench.installation import running
from bench.results import Result
from content.articles import samples
from server.settings import Settings
from store import crypto
from store.database import Database
from web.signin.models import Role
from web.signin.pages import SESSION_COOKIE
from web.signin.service import create_user, open_session

KEYS = 120
CHROMIUM = ("chromium", "chromium-browser", "google-chrome")
WATCH = """() => {
  window.took = { preview: [], frame: [] };
  let pressed = 0;
  addEventListener("keydown", () => {
    pressed = performance.now();
    const mine = pressed;
    requestAnimationFrame(() => setTimeout(() => window.took.frame.push(performance.now() - mine)));
  }, true);
  new MutationObserver(() => {
    if (!pressed) return;
    const mine = pressed;
    pressed = 0;
    requestAnimationFrame(() => setTimeout(() => window.took.preview.push(performance.now() - mine)));
  }).observe(document.getElementById("preview"), { childList: true, subtree: true, characterData: true });
}"""


async def measure() -> list[Result]:
    """p95 and p50 in ms of `KEYS` letters typed at the end of a paragraph."""
    async with running() as (settings, _):
        took = await _typed(settings)
    found = []
    for name, of in (
        ("p95", lambda values: statistics.quantiles(values, n=20)[-1]),
        ("p50", statistics.median),
    ):
        against = "to the next picture of the text itself, same keystrokes"
        found.append(Result(f"editor_preview_{name}", of(took["preview"]), "ms", against, of(took["frame"])))
    return found


async def _typed(settings: Settings) -> dict[str, list[float]]:
    longest = max(samples.read_library(), key=lambda one: len(one.doc.body)).slug
    crypto.install(settings.secrets.keyring)
    database = Database(settings.database)
    async with database.write("bench") as session:
        user = await create_user(
            session,
            username="bench",
            display_name="bench",
            password=os.urandom(12).hex(),
            roles=[Role.EDITOR],
        )
        token = await open_session(session, user, datetime.now(UTC))  # noqa: TID251
    await database.close()
    async with async_playwright() as playwright:
        browser = await playwright.chromium.launch(
            executable_path=next(filter(None, map(shutil.which, CHROMIUM)), None), args=["--no-sandbox"]
        )
        context = await browser.new_context(viewport={"width": 1280, "height": 900}, locale="zh-CN")
        await context.add_cookies([{"name": SESSION_COOKIE, "value": token, "url": settings.loopback}])
        page = await context.new_page()
        await page.goto(f"{settings.loopback}/content/articles/{longest}/edit")
        writing = page.get_by_role("textbox", name="正文", exact=True)
        await writing.locator("p").first.click()
        await page.keyboard.press("End")
        await page.wait_for_load_state("networkidle")
        await page.evaluate(WATCH)
        for number in range(KEYS):
            await page.keyboard.press("abcdefghij"[number % 10])
            await asyncio.sleep(0.12)
        took: dict[str, list[float]] = await page.evaluate("window.took")
        await browser.close()
    if len(took["preview"]) < KEYS * 0.9:
        raise RuntimeError(f"{len(took['preview'])} of {KEYS} keystrokes reached the preview")
    return took


if __name__ == "__main__":
    from bench.results import keep

    keep(asyncio.run(measure()))
