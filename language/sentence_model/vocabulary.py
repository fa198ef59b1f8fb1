"""Cuts the multilingual vocabulary down to what Chinese patients type, and writes it as a tokenizer.

Of 250,002 pieces those of other scripts are dropped; a Chinese sentence is then split exactly as before, so
its embedding does not change, and the embedding matrix shrinks to a sixth.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Iterable
from dataclasses import dataclass

from tokenizers import AddedToken, Regex, Tokenizer, decoders, models, normalizers, pre_tokenizers, processors

from language.sentence_model.wheel_reader import UnigramPieces

METASPACE = "▁"
LONGEST_LATIN_PIECE = 4  # CT, HPV, 16mm …: longer Latin words are spelled from such pieces
SMALL_ALPHABETS = ("LATIN", "GREEK", "CYRILLIC", "HIRAGANA", "KATAKANA")  # letters kept one by one (α, Ⅱ, の)
_HAN_RANGES = ((0x3400, 0x9FFF), (0xF900, 0xFAFF), (0x20000, 0x3FFFF))


@dataclass(frozen=True)
class CutVocabulary:
    """``rows[new_id]`` is the piece's id in the wheel, i.e. its row of the embedding matrix."""

    rows: list[int]
    pieces: list[str]
    scores: list[float]
    bos: int
    eos: int
    pad: int
    unk: int


def is_han(character: str) -> bool:
    """Whether a character is a Chinese ideograph."""
    code = ord(character)
    return any(low <= code <= high for low, high in _HAN_RANGES)


def worth_keeping(piece: str) -> bool:
    """Whether Chinese hospital text can contain the piece (marker ``▁`` not counted)."""
    body = piece.replace(METASPACE, "")
    if not body or any(is_han(character) for character in body):
        return True
    if len(body) > LONGEST_LATIN_PIECE:
        return False
    if all(character.isascii() or unicodedata.category(character)[0] in "PSN" for character in body):
        return True
    return len(body) == 1 and unicodedata.name(body, "").split(" ")[0] in SMALL_ALPHABETS


def cut(source: UnigramPieces, always: Iterable[str]) -> CutVocabulary:
    """The vocabulary cut to :func:`worth_keeping`, the special tokens and the pieces named by ``always``."""
    special = {source.bos, source.eos, source.pad, source.unk}
    named = set(always)
    rows = [
        row
        for row, piece in enumerate(source.pieces)
        if row in special or piece in named or (piece != "<mask>" and worth_keeping(piece))
    ]
    new_id = {row: position for position, row in enumerate(rows)}
    return CutVocabulary(
        rows=rows,
        pieces=[source.pieces[row] for row in rows],
        scores=[source.scores[row] for row in rows],
        bos=new_id[source.bos],
        eos=new_id[source.eos],
        pad=new_id[source.pad],
        unk=new_id[source.unk],
    )


def build_tokenizer(vocabulary: CutVocabulary) -> Tokenizer:
    """A ``tokenizers`` Unigram tokenizer: SentencePiece's nmt_nfkc, metaspace, ``<s> … </s>``."""
    pieces = list(zip(vocabulary.pieces, vocabulary.scores, strict=True))
    tokenizer = Tokenizer(models.Unigram(pieces, unk_id=vocabulary.unk, byte_fallback=False))
    tokenizer.normalizer = normalizers.Sequence(
        [normalizers.Nmt(), normalizers.NFKC(), normalizers.Replace(Regex(" {2,}"), " ")]
    )
    tokenizer.pre_tokenizer = pre_tokenizers.Metaspace(
        replacement=METASPACE, prepend_scheme="always", split=False
    )
    tokenizer.decoder = decoders.Metaspace(replacement=METASPACE)
    bos, eos = vocabulary.pieces[vocabulary.bos], vocabulary.pieces[vocabulary.eos]
    tokenizer.post_processor = processors.TemplateProcessing(
        single=f"{bos} $A {eos}",
        pair=f"{bos} $A {eos} {eos} $B {eos}",
        special_tokens=[(bos, vocabulary.bos), (eos, vocabulary.eos)],
    )
    specials = (vocabulary.bos, vocabulary.pad, vocabulary.eos, vocabulary.unk)
    tokenizer.add_special_tokens([AddedToken(vocabulary.pieces[i], normalized=False) for i in specials])
    return tokenizer
