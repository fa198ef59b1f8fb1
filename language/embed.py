"""Serves sentence embeddings from the ONNX folder that ``language.sentence_model.build`` writes.

Needs only onnxruntime, tokenizers and numpy: torch is never imported here.
"""

from __future__ import annotations

import json
import threading
from collections import OrderedDict
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any, Literal

import numpy as np
import numpy.typing as npt
import onnxruntime
from tokenizers import Encoding, Tokenizer

Kind = Literal["query", "passage"]
FloatArray = npt.NDArray[np.float32]

_CHUNK = 64  # texts handed to a thread at a time
_CACHED_QUERIES = 512


class EmbedderError(RuntimeError):
    """The model folder is missing or broken; says how to make it."""


class Embedder:
    """Turns texts into vectors of length 1, so that a dot product is the cosine. Safe to share between
    threads.

    ``threads`` is the number of CPU threads one call may use.
    """

    def __init__(self, folder: Path, threads: int = 1) -> None:
        meta = _read_meta(folder)
        self.dim: int = meta["dim"]
        self.version: str = meta["version"]
        self.weights: str = meta["inputs"]["sha256"]  # which network; the same on every machine
        self._prefixes: dict[str, str] = meta["prefixes"]
        self._tokenizer = Tokenizer.from_file(str(folder / "tokenizer.json"))
        self._tokenizer.enable_truncation(max_length=int(meta["max_tokens"]))
        self._tokenizer.no_padding()
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = 1
        options.inter_op_num_threads = 1
        options.log_severity_level = 3
        self._session = onnxruntime.InferenceSession(
            str(folder / "model.int8.onnx"), options, providers=["CPUExecutionProvider"]
        )
        self._threads = max(1, threads)
        self._cache: OrderedDict[tuple[str, str], FloatArray] = OrderedDict()
        self._lock = threading.Lock()

    def embed(
        self,
        texts: Sequence[str],
        kind: Kind = "query",
        progress: Callable[[int, int], None] | None = None,
    ) -> FloatArray:
        """Embeddings float32 ``[len(texts), dim]`` of length 1; an empty list gives ``[0, dim]``.

        Each text is run by itself: int8 activations share one scale in a run, so in a batch a text's vector
        would depend on its neighbours (cosine 0.997 to itself alone); a batch would be 1.7 times as fast.
        Texts beyond the model's longest input are cut off at their end. ``progress`` hears (done, all).
        """
        if len(texts) == 1:
            return self._embed_one(texts[0], kind)[None, :].copy()
        prefix = self._prefixes[kind]
        result = np.empty((len(texts), self.dim), dtype=np.float32)
        done = 0

        def run(start: int) -> int:
            chunk = texts[start : start + _CHUNK]
            encodings = self._tokenizer.encode_batch([prefix + _clean(text) for text in chunk])
            for offset, encoding in enumerate(encodings):
                result[start + offset] = self._run(encoding)
            return len(chunk)

        with ThreadPoolExecutor(self._threads) as pool:
            for count in pool.map(run, range(0, len(texts), _CHUNK)):
                done += count
                if progress is not None:
                    progress(done, len(texts))
        return result

    def _embed_one(self, text: str, kind: Kind) -> FloatArray:
        key = (kind, text)
        with self._lock:
            cached = self._cache.get(key)
            if cached is not None:
                self._cache.move_to_end(key)
                return cached
        vector = self._run(self._tokenizer.encode(self._prefixes[kind] + _clean(text)))
        with self._lock:
            self._cache[key] = vector
            if len(self._cache) > _CACHED_QUERIES:
                self._cache.popitem(last=False)
        return vector

    def _run(self, encoding: Encoding) -> FloatArray:
        """The embedding ``[dim]`` of one tokenized text."""
        ids = np.asarray([encoding.ids], dtype=np.int64)
        output: Any = self._session.run(None, {"input_ids": ids, "attention_mask": np.ones_like(ids)})[0]
        return np.asarray(output[0], dtype=np.float32)


def embed_one(embedder: Embedder, text: str) -> FloatArray:
    """The embedding `[dim]` of a patient's text."""
    vector: FloatArray = embedder.embed([text])[0]
    return vector


def _clean(text: str) -> str:
    """Text the tokenizer can take: lone surrogates, which cannot be encoded, are dropped."""
    return text.encode("utf-8", "ignore").decode("utf-8")


def _read_meta(folder: Path) -> dict[str, Any]:
    try:
        meta: Any = json.loads((folder / "meta.json").read_text(encoding="utf-8"))
        for name in ("model.int8.onnx", "tokenizer.json"):
            if not (folder / name).is_file():
                raise FileNotFoundError(folder / name)
        prefixes = {kind: str(meta["prefixes"][kind]) for kind in ("query", "passage")}
        version = f"{meta['inputs']['sha256'][:16]}-{meta['inputs']['code'][:16]}"
        return {**meta, "dim": int(meta["dim"]), "prefixes": prefixes, "version": version}
    except (OSError, ValueError, KeyError, TypeError) as problem:
        raise EmbedderError(
            f"no usable sentence model in {folder} ({problem!r}); "
            "build it with: python -m language.sentence_model.build --out var/models"
        ) from problem
