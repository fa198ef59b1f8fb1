"""Writes the wheel's network as an ordinary SentenceTransformer folder (needs torch; build time only)."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import torch
from sentence_transformers import SentenceTransformer
from sentence_transformers.sentence_transformer.modules import Normalize, Pooling, Transformer
from transformers import BertConfig, BertModel, PreTrainedTokenizerFast

from language.sentence_model.vocabulary import CutVocabulary, build_tokenizer, cut
from language.sentence_model.wheel_reader import FloatArray, WheelWeights

# The prefixes multilingual-e5 was trained with (its model card): leave them out and the quality drops.
PROMPTS = {"query": "query: ", "passage": "passage: "}
MAX_TOKENS = 256  # patients' messages and FAQ questions are far shorter; the network itself takes 512
_PROMPT_PIECES = ("▁query", "▁passage", ":")

_LAYER_NAMES = {
    "q": "attention.self.query",
    "k": "attention.self.key",
    "v": "attention.self.value",
    "ao": "attention.output.dense",
    "aln": "attention.output.LayerNorm",
    "fi": "intermediate.dense",
    "fo": "output.dense",
    "oln": "output.LayerNorm",
}


def write_sentence_transformer(weights: WheelWeights, folder: Path) -> None:
    """Writes BertModel + Unigram tokenizer + mean pooling + normalise into ``folder`` (made if missing)."""
    vocabulary = cut(weights.tokenizer, _PROMPT_PIECES)
    source = folder / ".source"
    source.mkdir(parents=True)
    _bert(weights, vocabulary).save_pretrained(source)
    _tokenizer(vocabulary).save_pretrained(source)
    transformer = Transformer(str(source), max_seq_length=MAX_TOKENS)
    pooling = Pooling(weights.shape.hidden, pooling_mode="mean")
    model = SentenceTransformer(
        modules=[transformer, pooling, Normalize()],
        prompts=PROMPTS,
        similarity_fn_name="cosine",
        device="cpu",
    )
    model.save(str(folder), model_name="banyi-sentence", create_model_card=False)
    for left_over in source.iterdir():
        left_over.unlink()
    source.rmdir()


def _bert(weights: WheelWeights, vocabulary: CutVocabulary) -> BertModel:
    shape = weights.shape
    config = BertConfig(
        vocab_size=len(vocabulary.rows),
        hidden_size=shape.hidden,
        num_hidden_layers=shape.layers,
        num_attention_heads=shape.heads,
        intermediate_size=shape.feed_forward,
        max_position_embeddings=shape.longest,
        type_vocab_size=shape.token_types,
        layer_norm_eps=shape.epsilon,
        hidden_act="gelu",
        pad_token_id=vocabulary.pad,
        bos_token_id=vocabulary.bos,
        eos_token_id=vocabulary.eos,
    )
    model = BertModel(config)
    missing, unexpected = model.load_state_dict(_state(weights, vocabulary), strict=False)
    lacking = [name for name in missing if not name.endswith(("position_ids", "token_type_ids"))]
    if lacking or unexpected:
        raise RuntimeError(f"weights do not fit BertModel: missing {lacking}, unexpected {unexpected}")
    model.train(False)
    return model


def _state(weights: WheelWeights, vocabulary: CutVocabulary) -> dict[str, torch.Tensor]:
    shape = weights.shape
    word = weights.matrix("emb.word", shape.vocabulary)[vocabulary.rows]
    arrays: dict[str, FloatArray] = {
        "embeddings.word_embeddings.weight": word,
        "embeddings.position_embeddings.weight": weights.matrix("emb.pos", shape.longest),
        "embeddings.token_type_embeddings.weight": weights.matrix("emb.type", shape.token_types),
        "embeddings.LayerNorm.weight": weights.vector("emb.ln.w"),
        "embeddings.LayerNorm.bias": weights.vector("emb.ln.b"),
    }
    for layer in range(shape.layers):
        for short, long in _LAYER_NAMES.items():
            bias = weights.vector(f"l{layer}.{short}.b")
            weight = weights.vector(f"l{layer}.{short}.w")
            if not short.endswith("ln"):
                weight = weight.reshape(bias.size, -1)
            arrays[f"encoder.layer.{layer}.{long}.weight"] = weight
            arrays[f"encoder.layer.{layer}.{long}.bias"] = bias
    # BertModel's own pooler is not used (the mean is), but loaders complain when it is missing.
    arrays["pooler.dense.weight"] = np.zeros((shape.hidden, shape.hidden), dtype=np.float32)
    arrays["pooler.dense.bias"] = np.zeros(shape.hidden, dtype=np.float32)
    return {name: torch.from_numpy(array.copy()) for name, array in arrays.items()}


def _tokenizer(vocabulary: CutVocabulary) -> PreTrainedTokenizerFast:
    def piece(index: int) -> str:
        return vocabulary.pieces[index]

    return PreTrainedTokenizerFast(  # type: ignore[no-untyped-call]
        tokenizer_object=build_tokenizer(vocabulary),
        bos_token=piece(vocabulary.bos),
        eos_token=piece(vocabulary.eos),
        cls_token=piece(vocabulary.bos),
        sep_token=piece(vocabulary.eos),
        pad_token=piece(vocabulary.pad),
        unk_token=piece(vocabulary.unk),
        model_max_length=MAX_TOKENS,
        model_input_names=["input_ids", "attention_mask"],
    )
