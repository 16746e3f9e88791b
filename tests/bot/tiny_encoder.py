"""A tiny encoder in ONNX, written byte by byte: one table of vectors, looked up by piece. It proves that an encoder can be
loaded and what the way to it costs; of quality it proves nothing.

The wire format of onnx.proto (protobuf): so no library that only this would use is installed.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np

PIECES = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "جوزي", "ضرب", "##ني", "بدي", "احكي", "help", "##ing", "."]
WIDTH = 8
_FLOAT, _INT64 = 1, 7


def write(folder: Path, inputs: tuple[str, ...] = ("input_ids", "attention_mask"), seed: int = 0) -> Path:
    """Write ``model.onnx`` and ``vocab.txt``; returns the folder."""
    folder.mkdir(parents=True, exist_ok=True)
    vectors = np.random.default_rng(seed).normal(size=(len(PIECES), WIDTH)).astype(np.float32)
    node = _text(1, "table") + _text(1, "input_ids") + _text(2, "states") + _text(4, "Gather")
    table = b"".join(_number(1, size) for size in vectors.shape) + _number(2, _FLOAT) + _text(8, "table") + _bytes(9, vectors.tobytes())
    graph = _bytes(1, node) + _text(2, "tiny") + _bytes(5, table)
    graph += b"".join(_bytes(11, _value(name, _INT64, 2)) for name in inputs) + _bytes(12, _value("states", _FLOAT, 3))
    model = _number(1, 8) + _bytes(7, graph) + _bytes(8, _number(2, 13))
    (folder / "model.onnx").write_bytes(model)
    (folder / "vocab.txt").write_text("\n".join(PIECES), encoding="utf-8")
    return folder


def _value(name: str, kind: int, axes: int) -> bytes:
    shape = b"".join(_bytes(1, _text(2, f"axis{axis}")) for axis in range(axes))
    return _text(1, name) + _bytes(2, _bytes(1, _number(1, kind) + _bytes(2, shape)))


def _varint(value: int) -> bytes:
    found = b""
    while value > 0x7F:
        found += bytes([value & 0x7F | 0x80])
        value >>= 7
    return found + bytes([value])


def _number(field: int, value: int) -> bytes:
    return _varint(field << 3) + _varint(value)


def _bytes(field: int, value: bytes) -> bytes:
    return _varint(field << 3 | 2) + _varint(len(value)) + value


def _text(field: int, value: str) -> bytes:
    return _bytes(field, value.encode())
