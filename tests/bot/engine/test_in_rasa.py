"""What runs inside Rasa, checked inside Rasa's environment; and when TensorFlow is left out of it."""

from __future__ import annotations

import subprocess
import tarfile
from pathlib import Path

import pytest

from bot.engine.without_tensorflow import components_of_config, components_of_model, needs_tensorflow
from server import engine
from server.settings import ROOT, load_settings


def test_the_engines_own_parts_hold(tmp_path: Path) -> None:
    done = subprocess.run(
        [str(engine.require_python()), "-W", "ignore", "-m", "tests.bot.engine.in_rasa", str(tmp_path)],
        cwd=ROOT, env=engine.environment(load_settings()), capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr[-3000:]
    assert done.stdout.strip().endswith("all held")


def test_our_pipeline_does_without_tensorflow_and_the_stock_one_does_not() -> None:
    assert not needs_tensorflow(components_of_config(ROOT / "config.yml"))
    assert needs_tensorflow(components_of_config(ROOT / "bench" / "nlu_stock.yml"))


@pytest.mark.parametrize(
    ("component", "needs"),
    [
        ("RulePolicy", False),
        ("TEDPolicy", True),
        ("rasa.nlu.classifiers.diet_classifier.DIETClassifier", True),
        ("rasa.graph_components.providers.domain_provider.DomainProvider", False),
        ("bot.engine.intent_classifier.CalibratedIntentClassifier", False),
        ("somebody.else.Classifier", True),
    ],
)
def test_what_is_not_known_to_do_without_it_gets_it(component: str, needs: bool) -> None:
    assert needs_tensorflow([component]) is needs


def test_a_file_that_is_no_model_is_named(tmp_path: Path) -> None:
    with tarfile.open(tmp_path / "empty.tar.gz", "w:gz"):
        pass
    with pytest.raises(ValueError, match=r"empty\.tar\.gz is no model"):
        components_of_model(tmp_path / "empty.tar.gz")
