"""What pages say for codes, and addresses with a query: shared by every room's pages."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

import yaml


class Words:
    """The words of one YAML file, `kind: {code: words}`; `{names}` in them are filled in.

    A code nobody has words for (it may come from an address) is shown as it is, or as `unknown`.
    """

    def __init__(self, path: Path, unknown: str | None = None) -> None:
        self._words: dict[str, dict[str, str]] = yaml.safe_load(path.read_text(encoding="utf-8"))
        self._unknown = unknown

    def __call__(self, kind: str, code: object, **values: object) -> str:
        text = self._words[kind].get(str(code))
        if text is not None:
            return text.format(**values)
        return str(code) if self._unknown is None else self._unknown

    def known(self, kind: str) -> dict[str, str]:
        """Every code of a kind with its words, in the file's order: what a filter offers."""
        return self._words[kind]


def query_of(values: Mapping[str, Any]) -> str:
    """The values that are set, as an address's query."""
    return urlencode({name: value for name, value in values.items() if value})
