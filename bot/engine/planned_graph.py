"""Running the graph of a message in an order worked out once.

Rasa 3.6 builds a dask graph and orders it anew for every parse and every prediction, three times a turn: a tenth of the server's
time. The nodes, their inputs and their results are the same; a graph that serves is small and runs on one thread anyhow.
"""

from __future__ import annotations

from typing import Any, Dict, List, Optional, Sequence, Text, Tuple

from rasa.core import processor
from rasa.engine.exceptions import GraphRunError
from rasa.engine.runner.dask import DaskGraphRunner

_Plan = List[Tuple[Text, Sequence[Text]]]


class PlannedGraphRunner(DaskGraphRunner):
    """Rasa's runner, without dask."""

    def run(
        self, inputs: Optional[Dict[Text, Any]] = None, targets: Optional[List[Text]] = None
    ) -> Dict[Text, Any]:
        """The targets' results. Raises what the nodes raise, `GraphRunError` for their `RuntimeError`."""
        wanted = tuple(targets or self._graph_schema.target_names)
        results: Dict[Text, Any] = {name: (name, value) for name, value in (inputs or {}).items()}
        try:
            for name, needs in self._plan(wanted):
                results[name] = self._instantiated_nodes[name](*(results.get(need, need) for need in needs))
        except RuntimeError as error:
            raise GraphRunError("Error running runner.") from error
        return dict(results[name] for name in wanted)

    def _plan(self, targets: "tuple[Text, ...]") -> _Plan:
        """The nodes the targets need, each after what it needs itself, with those names."""
        plans: "Dict[tuple[Text, ...], _Plan]" = self.__dict__.setdefault("_plans", {})
        if targets not in plans:
            nodes = self._graph_schema.minimal_graph_schema(list(targets)).nodes
            plan: _Plan = []
            done: "set[Text]" = set()

            def visit(name: Text) -> None:
                if name in nodes and name not in done:
                    done.add(name)
                    needs = tuple(nodes[name].needs.values())
                    for need in needs:
                        visit(need)
                    plan.append((name, needs))

            for name in nodes:
                visit(name)
            plans[targets] = plan
        return plans[targets]


def install() -> None:
    """Let models that are served run this way; training keeps Rasa's own."""
    processor.DaskGraphRunner = PlannedGraphRunner
