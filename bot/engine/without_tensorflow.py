"""Rasa without TensorFlow, for a model that needs none: 350 MB less and two thirds of the start saved.

Rasa imports TensorFlow wherever a policy or classifier is named, used or not. Nothing here touches Rasa's files: a finder put
before Python's own gives empty modules under TensorFlow's names, and whoever then really calls something of it hears why not.
"""

from __future__ import annotations

import importlib.abc
import importlib.machinery
import json
import sys
import tarfile
from pathlib import Path
from types import ModuleType
from typing import Any, Iterable, NoReturn, Optional, Sequence, Text

import yaml

_ABSENT = frozenset({"tensorflow", "tensorflow_addons", "tensorflow_hub", "tensorflow_text", "keras"})
_LEARNED = frozenset(
    {
        *("DIETClassifier", "ResponseSelector", "ConveRTFeaturizer", "LanguageModelFeaturizer"),
        *("TEDPolicy", "UnexpecTEDIntentPolicy"),
    }
)
"""What of Rasa 3.6 computes with TensorFlow."""


def needs_tensorflow(components: Iterable[Text]) -> bool:
    """Whether one of `components` (names of Rasa's, or module paths) may need it: Rasa's learned ones, and any that is
    neither Rasa's nor ours."""
    for path in components:
        folder, _, name = path.rpartition(".")
        if name in _LEARNED or (folder and not folder.startswith(("rasa.", "bot.engine."))):
            return True
    return False


def components_of_config(path: Path) -> "list[Text]":
    """What a `config.yml` names."""
    config = yaml.safe_load(path.read_text(encoding="utf-8"))
    return [one["name"] for part in ("pipeline", "policies") for one in config.get(part) or []]


def components_of_model(path: Path) -> "list[Text]":
    """What a trained model runs, from its metadata."""
    with tarfile.open(path, "r|gz") as archive:
        for member in archive:
            if member.name.lstrip("./") == "metadata.json":
                found = archive.extractfile(member)
                assert found is not None
                nodes = json.load(found)["predict_schema"]["nodes"].values()
                return [node["uses"] for node in nodes]
    raise ValueError(f"{path} is no model of Rasa's: it has no metadata.json")


def install_for(components: Iterable[Text]) -> None:
    """From now on TensorFlow is empty in this process, unless `components` need it. To be called before Rasa is imported."""
    if "tensorflow" not in sys.modules and not needs_tensorflow(components):
        sys.meta_path.insert(0, _Finder())


class _Kind(type):
    """Enough of a class for what Rasa does with TensorFlow while it is imported: inherit, annotate, decorate."""

    def __getattr__(cls, name: Text) -> Any:
        if name.startswith("__"):
            raise AttributeError(name)
        return _Nothing

    def __call__(cls, *given: Any, **options: Any) -> Any:
        if cls is _Nothing and len(given) == 1 and callable(given[0]) and not options:
            return given[0]
        _refuse()


class _Nothing(metaclass=_Kind):
    """Whatever is asked of TensorFlow."""


class _Module(ModuleType):
    __path__: "list[Text]" = []

    def __getattr__(self, name: Text) -> Any:
        if name.startswith("__"):
            raise AttributeError(name)
        return _Nothing


class _Finder(importlib.abc.MetaPathFinder, importlib.abc.Loader):
    def find_spec(
        self, fullname: Text, path: Optional[Sequence[Text]], target: Optional[ModuleType] = None
    ) -> Optional[importlib.machinery.ModuleSpec]:
        if fullname.partition(".")[0] not in _ABSENT:
            return None
        return importlib.machinery.ModuleSpec(fullname, self, is_package=True)

    def create_module(self, spec: importlib.machinery.ModuleSpec) -> ModuleType:
        return _Module(spec.name)

    def exec_module(self, module: ModuleType) -> None:
        """There is nothing to run."""


def _refuse() -> NoReturn:
    raise RuntimeError(
        "this process runs without TensorFlow, because no component of its model needed it; "
        "`python -m rasa` runs with it (bot/engine/without_tensorflow.py)"
    )
