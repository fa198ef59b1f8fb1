"""The evaluation as one HTML page that needs nothing else. Its words are in `report.html` and `words.yml`."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import cache
from pathlib import Path
from typing import Any

import yaml
from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup

from language.evaluation import pictures
from language.evaluation.figures import Evaluation

HERE = Path(__file__).parent


@cache
def words() -> Mapping[str, Any]:
    """Titles and explanations of sets and figures, in Chinese."""
    loaded: Mapping[str, Any] = yaml.safe_load((HERE / "words.yml").read_text("utf-8"))
    return loaded


def html(evaluations: Sequence[Evaluation], about: Mapping[str, str]) -> str:
    """The page. `about`: what stands in its head (time, files, model)."""
    environment = Environment(
        loader=FileSystemLoader(HERE),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    return environment.get_template("report.html").render(
        evaluations=evaluations,
        about=about,
        words=words(),
        reliability=lambda one: Markup(pictures.reliability(one.reliability)),  # noqa: S704  our own drawing
        confusion=lambda one: Markup(pictures.confusion(one.confusion)),  # noqa: S704
        shown=shown,
    )


def shown(name: str, value: float) -> str:
    """A figure as people read it: counts whole, shares in percent, errors with three places."""
    kind = words()["figures"][name].get("kind", "share")
    if kind == "count":
        return f"{value:.0f}"
    return f"{value:.3f}" if kind == "number" else f"{value * 100:.1f}%"
