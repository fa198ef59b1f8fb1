"""Serving embeddings: shapes, prefixes, odd input, threads, and no torch."""

from __future__ import annotations

import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest

from language.embed import Embedder, EmbedderError
from language.sentence_model import build as build_module

ROOT = Path(__file__).parents[2]
MODELS = ROOT / "var" / "models"


@pytest.fixture(scope="module")
def folder() -> Path:
    build_module.build(MODELS)
    return MODELS / "sentence-onnx"


@pytest.fixture(scope="module")
def embedder(folder: Path) -> Embedder:
    return Embedder(folder, threads=2)


def test_vectors_are_float32_of_length_one_in_the_order_asked(embedder: Embedder) -> None:
    texts = ["怎么退号", "我想问一下明天上午的心内科专家号还有没有，能不能帮我挂一个", "停车"] * 60
    vectors = embedder.embed(texts)
    assert vectors.shape == (180, embedder.dim)
    assert vectors.dtype == np.float32
    np.testing.assert_allclose(np.linalg.norm(vectors, axis=1), 1, atol=1e-5)
    np.testing.assert_array_equal(vectors[:3], vectors[177:])


def test_a_vector_does_not_depend_on_its_neighbours(embedder: Embedder) -> None:
    together = embedder.embed(["挂号费能退吗", "急诊在几楼，怎么走，晚上开门吗", "谢谢"])
    np.testing.assert_allclose(embedder.embed(["挂号费能退吗"])[0], together[0], atol=1e-6)


def test_like_questions_are_nearer_than_unlike_ones(embedder: Embedder) -> None:
    question, like, unlike = embedder.embed(
        ["挂号费可以退吗", "号不要了，钱能退给我吗", "做核磁共振能带手机吗"]
    )
    assert question @ like > question @ unlike + 0.02


def test_query_and_passage_differ_by_their_prefix(embedder: Embedder) -> None:
    query, passage = embedder.embed(["怎么退号"], "query")[0], embedder.embed(["怎么退号"], "passage")[0]
    assert 0.8 < float(query @ passage) < 0.9999


def test_nothing_in_gives_nothing_out(embedder: Embedder) -> None:
    assert embedder.embed([]).shape == (0, embedder.dim)


@pytest.mark.parametrize(
    "text",
    ["", " ", "\x00\x07", "😀😀😀", "\u202e反\u202c", "\ud800", "痛" * 5000, "'; DROP TABLE x;--", "<xml/>"],
)
def test_any_text_has_a_vector(embedder: Embedder, text: str) -> None:
    vector = embedder.embed([text])[0]
    assert np.isfinite(vector).all()
    assert abs(float(np.linalg.norm(vector)) - 1) < 1e-4


def test_long_text_is_cut_at_its_end(embedder: Embedder) -> None:
    long = "我最近三个月总是胃疼，" * 100
    first, second = embedder.embed([long + "结尾甲"])[0], embedder.embed([long + "另一个结尾"])[0]
    np.testing.assert_array_equal(first, second)


def test_threads_get_the_same_vectors(embedder: Embedder) -> None:
    texts = [f"第{n}个病人要改到{n}号" for n in range(40)]
    expected = embedder.embed(texts)
    with ThreadPoolExecutor(8) as pool:
        got = list(pool.map(lambda text: embedder.embed([text])[0], texts * 3))
    np.testing.assert_allclose(np.stack(got), np.concatenate([expected] * 3), atol=1e-6)


def test_changing_a_result_does_not_change_the_next(embedder: Embedder) -> None:
    first = embedder.embed(["改变结果"])
    copy = first.copy()
    first[:] = 0
    np.testing.assert_array_equal(embedder.embed(["改变结果"]), copy)


def test_progress_is_told_up_to_the_end(embedder: Embedder) -> None:
    heard: list[tuple[int, int]] = []
    embedder.embed([f"问题{n}" for n in range(130)], progress=lambda done, total: heard.append((done, total)))
    assert heard[-1] == (130, 130)
    assert len(heard) > 1


def test_a_missing_model_says_how_to_build_it(tmp_path: Path) -> None:
    with pytest.raises(EmbedderError, match=r"language\.sentence_model\.build"):
        Embedder(tmp_path)


def test_serving_imports_no_torch(folder: Path) -> None:
    code = (
        "import sys; from pathlib import Path; from language.embed import Embedder; "
        f"Embedder(Path({str(folder)!r})).embed(['你好']); "
        "print([name for name in ('torch', 'transformers', 'sentence_transformers') if name in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
