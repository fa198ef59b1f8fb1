"""Exports a SentenceTransformer as one int8 ONNX graph with pooling and normalisation inside (build time
only).

The graph takes ``input_ids`` and ``attention_mask`` (int64 ``[batch, tokens]``) and gives
``sentence_embedding`` (float32 ``[batch, dim]``, length 1).
"""

from __future__ import annotations

import json
import logging
import warnings
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from onnxruntime.quantization import QuantType, quantize_dynamic
from sentence_transformers import SentenceTransformer
from sentence_transformers.sentence_transformer.modules import Normalize, Pooling, Transformer
from torch import nn

OPSET = 17
_MAX_TOKENS = 256


class NotExportable(RuntimeError):
    """The given model has a part that cannot be put into the ONNX graph; names it."""


@dataclass(frozen=True)
class Export:
    """What serving must know about the exported graph."""

    dim: int
    max_tokens: int
    query_prefix: str
    passage_prefix: str


class _Graph(nn.Module):
    """Network, pooling and normalisation as one module."""

    def __init__(self, network: nn.Module, pooling: str) -> None:
        super().__init__()
        self.network = network
        self.pooling = pooling

    def forward(self, input_ids: torch.Tensor, attention_mask: torch.Tensor) -> torch.Tensor:
        """Embeddings ``[batch, dim]`` of length 1."""
        hidden = self.network(input_ids=input_ids, attention_mask=attention_mask).last_hidden_state
        if self.pooling == "cls":
            pooled = hidden[:, 0]
        else:
            weight = attention_mask.unsqueeze(-1).to(hidden.dtype)
            pooled = (hidden * weight).sum(1) / weight.sum(1).clamp(min=1e-9)
        return nn.functional.normalize(pooled, dim=1)


def load(folder_or_name: str) -> SentenceTransformer:
    """The SentenceTransformer with the plain attention that traces into ONNX."""
    return SentenceTransformer(folder_or_name, device="cpu", model_kwargs={"attn_implementation": "eager"})


def export_int8(model: SentenceTransformer, folder: Path) -> Export:
    """Writes ``model.int8.onnx`` and ``tokenizer.json`` into ``folder``.

    Embeddings are always of length 1 (everything here compares by cosine), whether or not the model
    ends with a Normalize module. Raises :class:`NotExportable` for other modules or poolings.
    """
    transformer, pooling = _understand(model)
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "tokenizer.json").write_text(_tokenizer_json(model), encoding="utf-8")
    float_path = folder / "model.float.onnx"
    _export_float(_Graph(transformer, pooling).eval(), float_path)
    _quantise(float_path, folder / "model.int8.onnx")
    float_path.unlink()
    prompts: dict[str, str] = {name: text or "" for name, text in (model.prompts or {}).items()}
    return Export(
        dim=int(model.get_embedding_dimension() or 0),
        max_tokens=min(int(model.max_seq_length or _MAX_TOKENS), _MAX_TOKENS),
        query_prefix=prompts.get("query", ""),
        passage_prefix=prompts.get("passage") or prompts.get("document") or "",
    )


def _understand(model: SentenceTransformer) -> tuple[nn.Module, str]:
    """The network and the pooling's name, or :class:`NotExportable`."""
    modules: list[nn.Module] = list(model)
    if len(modules) < 2 or not isinstance(modules[0], Transformer) or not isinstance(modules[1], Pooling):
        raise NotExportable("the sentence model must start with a Transformer and a Pooling module")
    for module in modules[2:]:
        if not isinstance(module, Normalize):
            raise NotExportable(
                f"module {type(module).__name__} after the pooling cannot be exported to ONNX"
            )
    settings: dict[str, Any] = modules[1].get_config_dict()
    mode = settings.get("pooling_mode")
    if mode is None:  # the older way to write it: one switch a mode
        on = [name for name, value in settings.items() if name.startswith("pooling_mode_") and value]
        mode = {"pooling_mode_mean_tokens": "mean", "pooling_mode_cls_token": "cls"}.get(
            "+".join(on), "+".join(on)
        )
    if mode not in ("mean", "cls"):
        raise NotExportable(
            f"pooling {mode!r} cannot be exported to ONNX; models with mean or cls pooling can"
        )
    if settings.get("include_prompt") is False:
        raise NotExportable(
            "pooling without the prompt's tokens (include_prompt false) cannot be exported to ONNX"
        )
    if getattr(modules[0], "do_lower_case", False):
        raise NotExportable("do_lower_case outside the tokenizer cannot be exported to ONNX")
    network: nn.Module = modules[0].auto_model
    return network, str(mode)


def _tokenizer_json(model: SentenceTransformer) -> str:
    backend = getattr(model.tokenizer, "backend_tokenizer", None)
    if backend is None:
        raise NotExportable("the sentence model has no fast tokenizer (tokenizer.json)")
    content: dict[str, Any] = json.loads(backend.to_str())
    content["truncation"] = None  # serving sets its own
    content["padding"] = None
    return json.dumps(content, ensure_ascii=False)


def _export_float(graph: nn.Module, path: Path) -> None:
    ids = torch.tensor([[0, 5, 6, 7, 8, 2], [0, 5, 6, 2, 1, 1]])
    mask = torch.tensor([[1, 1, 1, 1, 1, 1], [1, 1, 1, 1, 0, 0]])
    axes = {0: "batch", 1: "tokens"}
    with warnings.catch_warnings(), torch.no_grad():
        # The tracer warns of every shape it reads; the build compares the result with the original instead.
        warnings.simplefilter("ignore")
        torch.onnx.export(
            graph,
            (ids, mask),
            str(path),
            input_names=["input_ids", "attention_mask"],
            output_names=["sentence_embedding"],
            dynamic_axes={"input_ids": axes, "attention_mask": axes, "sentence_embedding": {0: "batch"}},
            opset_version=OPSET,
            dynamo=False,
        )


def _quantise(source: Path, target: Path) -> None:
    """Weights to int8, a scale for each output channel; activations are quantised while running."""
    root = logging.getLogger()
    level = root.level
    root.setLevel(logging.ERROR)  # it advises pre-processing through the root logger; nothing to gain here
    try:
        quantize_dynamic(
            source,
            target,
            op_types_to_quantize=["MatMul", "Gather"],
            per_channel=True,
            weight_type=QuantType.QInt8,
        )
    finally:
        root.setLevel(level)
