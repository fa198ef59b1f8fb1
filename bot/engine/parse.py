"""Parse lines with a trained model: JSON strings in, `{"intent", "confidence", "ranking"}` out, one a line.

Run as `python -m bot.engine.parse MODEL` in Rasa's environment; the texts come normalised, as the conversation sends them.
"""

from __future__ import annotations

import asyncio
import json
import logging
import sys
from pathlib import Path
from typing import Any, Dict, TextIO

from bot.engine import without_tensorflow


async def _run(model: str, source: TextIO, sink: TextIO) -> None:
    from rasa.core.agent import Agent
    from rasa.core.channels.channel import UserMessage

    agent = Agent.load(model_path=model)
    if agent.processor is None:
        raise SystemExit(f"no model could be loaded from {model}")
    for line in source:
        if not line.strip():
            continue
        text = json.loads(line)
        parsed: Dict[str, Any] = await agent.processor.parse_message(
            UserMessage(text), only_output_properties=True
        )
        intent = parsed.get("intent") or {}
        row = {
            "intent": intent.get("name"),
            "confidence": intent.get("confidence"),
            "ranking": [[i["name"], i["confidence"]] for i in parsed.get("intent_ranking") or []],
        }
        sink.write(json.dumps(row, ensure_ascii=False) + "\n")
        sink.flush()


def main() -> None:
    logging.disable(logging.WARNING)
    sink = sys.stdout
    sys.stdout = sys.stderr  # libraries that print must not end up among the rows
    without_tensorflow.install_for(without_tensorflow.components_of_model(Path(sys.argv[1])))
    asyncio.run(_run(sys.argv[1], sys.stdin, sink))


if __name__ == "__main__":
    main()
