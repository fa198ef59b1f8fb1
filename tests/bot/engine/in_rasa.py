"""Checks that run in Rasa's own environment (`test_in_rasa.py` starts them): `python -m tests.bot.engine.in_rasa FOLDER`."""

from __future__ import annotations

import asyncio
import base64
import os
import sys
from pathlib import Path
from typing import Any

from bot.engine import without_tensorflow

without_tensorflow.install_for(["bot.engine.intent_classifier.CalibratedIntentClassifier", "RulePolicy"])

import sqlalchemy as sa  # noqa: E402
from rasa.core.agent import Agent  # noqa: E402, F401
from rasa.engine.recipes import default_components  # noqa: E402, F401
from rasa.engine.runner.dask import DaskGraphRunner  # noqa: E402
from rasa.shared.core.domain import Domain  # noqa: E402
from rasa.shared.core.events import ActionExecuted, ActiveLoop, SlotSet, UserUttered  # noqa: E402

from bot.engine.planned_graph import PlannedGraphRunner  # noqa: E402
from bot.engine.tracker_store import KEPT_EVENTS, MOST_EVENTS, EncryptedTrackerStore  # noqa: E402

DOMAIN = Domain.from_dict(
    {
        "intents": ["greet"],
        "slots": {"answer": {"type": "any", "mappings": [{"type": "custom"}]}},
        "forms": {"booking_form": {"required_slots": ["answer"]}},
    }
)


def tensorflow_is_empty_and_says_so() -> None:
    import tensorflow

    assert not hasattr(tensorflow, "__version__")
    try:
        tensorflow.constant(1)
    except RuntimeError as error:
        assert "without TensorFlow" in str(error)
    else:
        raise AssertionError("a call of something absent did not fail")


def store(folder: Path) -> EncryptedTrackerStore:
    return EncryptedTrackerStore(DOMAIN, host=f"sqlite:///{folder / 'trackers.db'}")


async def the_remembered_tracker_is_given_once(folder: Path) -> None:
    ours = store(folder)
    tracker = await ours.get_or_create_tracker("once")
    tracker.update(UserUttered("你好", {"name": "greet", "confidence": 1.0}), DOMAIN)
    await ours.save(tracker)
    assert await ours.retrieve("once") is tracker
    again = await ours.retrieve("once")
    assert again is not tracker
    assert again is not None and list(again.events) == list(tracker.events)


async def a_turn_that_failed_half_way_is_not_remembered(folder: Path) -> None:
    ours = store(folder)
    tracker = await ours.get_or_create_tracker("failed")
    tracker.update(UserUttered("你好", {"name": "greet", "confidence": 1.0}), DOMAIN)
    again = await ours.retrieve("failed")
    assert again is not None and len(again.events) == len(tracker.events) - 1


async def another_process_is_heard(folder: Path) -> None:
    ours, theirs = store(folder), store(folder)
    await ours.save(await ours.get_or_create_tracker("shared"))
    other = await theirs.retrieve("shared")
    assert other is not None
    other.update(UserUttered("在吗", {"name": "greet", "confidence": 1.0}), DOMAIN)
    await theirs.save(other)
    found = await ours.retrieve("shared")
    assert found is not None and found.latest_message is not None and found.latest_message.text == "在吗"


async def a_long_conversation_is_cut_and_its_form_kept(folder: Path) -> None:
    ours = store(folder)
    tracker = await ours.get_or_create_tracker("long")
    tracker.update(ActiveLoop("booking_form"), DOMAIN)
    tracker.update(SlotSet("requested_slot", "answer"), DOMAIN)
    while len(tracker.events) <= MOST_EVENTS:
        tracker.update(UserUttered("好", {"name": "greet", "confidence": 1.0}), DOMAIN)
        tracker.update(ActionExecuted("action_listen"), DOMAIN)
    await ours.save(tracker)
    found = await ours.retrieve("long")
    assert found is not None and found is not tracker
    assert KEPT_EVENTS <= len(found.events) <= KEPT_EVENTS + 2
    assert found.active_loop_name == "booking_form"
    assert found.get_slot("requested_slot") == "answer"


class _Node:
    """Stands where an instantiated node does: called with its parents' `(name, result)`."""

    def __init__(self, name: str, calls: list[str]) -> None:
        self._name, self._calls = name, calls

    def __call__(self, *given: Any) -> tuple[str, str]:
        self._calls.append(self._name)
        return self._name, self._name + "(" + ",".join(value for _, value in given) + ")"


def the_planned_graph_gives_what_dask_gives() -> None:
    from rasa.engine.graph import GraphComponent, GraphSchema, SchemaNode

    def node(*needs: str) -> SchemaNode:
        return SchemaNode(
            needs={f"p{n}": name for n, name in enumerate(needs)}, uses=GraphComponent, constructor_name="create",
            fn="run", config={},
        )  # fmt: skip

    schema = GraphSchema({"c": node("b", "a"), "b": node("a"), "a": node("said"), "unasked": node("a")})
    for runner_class in (DaskGraphRunner, PlannedGraphRunner):
        calls: list[str] = []
        runner = runner_class.__new__(runner_class)
        runner._graph_schema, runner._execution_context = schema, None
        runner._instantiated_nodes = {name: _Node(name, calls) for name in schema.nodes}
        for said in ("x", "y"):
            result = runner.run(inputs={"said": said}, targets=["c"])
            assert result == {"c": f"c(b(a({said})),a({said}))"}, result
        assert calls == ["a", "b", "c"] * 2, calls


def main() -> None:
    folder = Path(sys.argv[1])
    os.environ["BANYI_DATA_KEYS"] = "k1:" + base64.b64encode(bytes(32)).decode()
    tensorflow_is_empty_and_says_so()
    the_planned_graph_gives_what_dask_gives()
    for check in (
        the_remembered_tracker_is_given_once,
        a_turn_that_failed_half_way_is_not_remembered,
        another_process_is_heard,
        a_long_conversation_is_cut_and_its_form_kept,
    ):
        asyncio.run(check(folder))
    assert sa.inspect(store(folder)._engine).has_table("rasa_tracker")
    print("all held")


if __name__ == "__main__":
    main()
