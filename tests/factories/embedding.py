"""The sentence model that ships, once a test module."""

from __future__ import annotations

import pytest

from language.embed import Embedder
from web.build import ROOT

MODEL = ROOT / "var" / "models" / "sentence-onnx"


@pytest.fixture(scope="module")
def embedder() -> Embedder:
    if not MODEL.exists():
        pytest.skip("NOT TESTED: the sentence model is not built (make setup)")
    return Embedder(MODEL)
