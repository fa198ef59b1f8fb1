"""Sentence embeddings inside Rasa's environment, from the ONNX folder that the application's set-up builds.

The same folder and the same numbers as ``language.embed`` gives in the application's environment; this room
may not import that one. Works with Python 3.10, numpy 1.23 and onnxruntime 1.23.
"""

from __future__ import annotations

import hashlib
import json
import os
from collections import OrderedDict
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import onnxruntime
from tokenizers import Tokenizer

ENVIRONMENT_VARIABLE = "BANYI_SENTENCE_MODEL_DIR"
_CACHED_TEXTS = 256


def model_folder(config: dict[str, Any]) -> Path | None:
    """The folder named by ``model_dir``, else by BANYI_SENTENCE_MODEL_DIR; None without either."""
    named = config.get("model_dir") or os.environ.get(ENVIRONMENT_VARIABLE)
    return Path(named) if named else None


def model_fingerprint(config: dict[str, Any]) -> str:
    """A value that changes when another sentence model is put in place (Rasa then trains again)."""
    folder = model_folder(config)
    if folder is None or not (folder / "meta.json").is_file():
        return "none"
    return hashlib.sha256((folder / "meta.json").read_bytes()).hexdigest()


class OnnxEmbedder:
    """Vectors of length 1. Each text is run by itself: its vector never depends on its neighbours."""

    def __init__(self, folder: Path, threads: int = 1) -> None:
        try:
            meta = json.loads((folder / "meta.json").read_text(encoding="utf-8"))
            self._tokenizer = Tokenizer.from_file(str(folder / "tokenizer.json"))
        except Exception as problem:  # tokenizers raises bare Exception
            raise RuntimeError(
                f"no usable sentence model in {folder}: {problem}. The application's set-up builds it; "
                f"{ENVIRONMENT_VARIABLE} or the component's model_dir says where it is."
            ) from problem
        self.dim = int(meta["dim"])
        self._prefix = str(meta["prefixes"]["query"])
        self._tokenizer.enable_truncation(max_length=int(meta["max_tokens"]))
        self._tokenizer.no_padding()
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = threads
        options.inter_op_num_threads = 1
        options.log_severity_level = 3
        self._session = onnxruntime.InferenceSession(
            str(folder / "model.int8.onnx"), options, providers=["CPUExecutionProvider"]
        )
        self._cache: OrderedDict[str, np.ndarray] = OrderedDict()

    def embed(self, texts: Sequence[str]) -> np.ndarray:
        """Float32 ``[len(texts), dim]``."""
        vectors: list[np.ndarray] = [self.embed_one(text) for text in texts]
        return np.stack(vectors) if vectors else np.empty((0, self.dim), dtype=np.float32)

    def embed_one(self, text: str) -> np.ndarray:
        """Float32 ``[dim]``; the last few texts are remembered."""
        known = self._cache.pop(text, None)
        if known is None:
            encodable = text.encode("utf-8", "ignore").decode("utf-8")
            ids = np.asarray([self._tokenizer.encode(self._prefix + encodable).ids], dtype=np.int64)
            known = self._session.run(None, {"input_ids": ids, "attention_mask": np.ones_like(ids)})[0][0]
            if len(self._cache) >= _CACHED_TEXTS:
                self._cache.popitem(last=False)
        self._cache[text] = known
        return known
