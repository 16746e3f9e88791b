"""A pretrained encoder as more features, for operators who have one: off unless ``encoder:`` in config.yml names a folder.

The folder holds ``model.onnx`` (a BERT-like encoder: ``input_ids``, ``attention_mask`` and, if it takes them,
``token_type_ids``, each 1 × pieces, to 1 × pieces × width) and its ``vocab.txt``, as exported from MARBERT or CAMeLBERT.
Run by onnxruntime on one thread; nothing is downloaded. What quality it adds is for the operator to measure
(``benchmarks/understanding/report.py``): no encoder is part of this repository.
"""

from __future__ import annotations

import hashlib
import unicodedata
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

_MOST_PIECES = 128
_LONGEST_WORD = 60
_NEEDED = ("[UNK]", "[CLS]", "[SEP]")


class EncoderNotUsable(Exception):
    """The folder holds no encoder that can be used, or another than the model was trained with; says what is wrong."""


class Encoder:
    """Message to vector: the mean over the pieces of its words, of length one.

    Args:
        folder: where ``model.onnx`` and ``vocab.txt`` are.

    Raises:
        EncoderNotUsable: a file is missing or cannot be used.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._open()
        self._known_by = self._fingerprint()

    def vector(self, text: str) -> NDArray[np.float32]:
        """The features of one message; zeros where nothing of it is known."""
        pieces = [self._vocabulary["[CLS]"], *self._pieces(text), self._vocabulary["[SEP]"]]
        ids = np.array([pieces], dtype=np.int64)
        given = {"input_ids": ids, "attention_mask": np.ones_like(ids), "token_type_ids": np.zeros_like(ids)}
        (states, *_) = self._session.run(None, {name: given[name] for name in self._takes})
        mean = states[0].mean(axis=0).astype(np.float32)
        length = float(np.linalg.norm(mean))
        return np.asarray(mean / length if length > 0 else mean, dtype=np.float32)

    def _pieces(self, text: str) -> list[int]:
        found: list[int] = []
        for word in words_of(text):
            found += word_pieces(word, self._vocabulary)
            if len(found) >= _MOST_PIECES - 2:
                break
        return found[: _MOST_PIECES - 2]

    def _open(self) -> None:
        try:
            import onnxruntime
        except ImportError:
            raise EncoderNotUsable("encoder: onnxruntime is not installed in the engine's environment") from None
        try:
            lines = (self.folder / "vocab.txt").read_text(encoding="utf-8").splitlines()
            options = onnxruntime.SessionOptions()
            options.intra_op_num_threads = options.inter_op_num_threads = 1
            self._session = onnxruntime.InferenceSession(
                (self.folder / "model.onnx").read_bytes(), options, providers=["CPUExecutionProvider"]
            )
        except OSError as error:
            raise EncoderNotUsable(f"encoder: {Path(error.filename or self.folder).name}: {error.strerror}") from None
        except Exception as error:  # whatever onnxruntime makes of a file that is no model
            raise EncoderNotUsable(f"encoder: model.onnx cannot be used ({type(error).__name__})") from None
        self._vocabulary = {piece: at for at, piece in enumerate(lines)}
        if missing := [piece for piece in _NEEDED if piece not in self._vocabulary]:
            raise EncoderNotUsable(f"encoder: vocab.txt lacks {', '.join(missing)}")
        self._takes = [given.name for given in self._session.get_inputs()]
        if unknown := set(self._takes) - {"input_ids", "attention_mask", "token_type_ids"}:
            raise EncoderNotUsable(f"encoder: model.onnx wants {', '.join(sorted(unknown))}, which is not known here")

    def _fingerprint(self) -> str:
        return hashlib.sha256(
            b"".join(hashlib.sha256((self.folder / name).read_bytes()).digest() for name in ("model.onnx", "vocab.txt"))
        ).hexdigest()

    def __getstate__(self) -> dict[str, Any]:
        return {"folder": self.folder, "known_by": self._known_by}  # the encoder stays where the operator has it

    def __setstate__(self, kept: dict[str, Any]) -> None:
        self.folder, self._known_by = kept["folder"], kept["known_by"]
        self._open()
        if self._fingerprint() != self._known_by:
            raise EncoderNotUsable("encoder: not the files this model was trained with; train again")


def words_of(text: str) -> Iterator[str]:
    """Words and single signs, as BERT's basic tokenizer parts them; marks and controls go."""
    word = ""
    for letter in unicodedata.normalize("NFC", text.encode("utf-8", "replace").decode("utf-8")):
        kind = unicodedata.category(letter)
        if kind[0] in "LN" or (kind == "Mn" and word):
            word += letter
            continue
        if word:
            yield word
            word = ""
        if kind[0] in "PS":
            yield letter
    if word:
        yield word


def word_pieces(word: str, vocabulary: Mapping[str, int]) -> list[int]:
    """The longest known pieces of a word from its beginning, those inside marked ``##`` (WordPiece, as BERT uses it)."""
    if len(word) > _LONGEST_WORD:
        return [vocabulary["[UNK]"]]
    found: list[int] = []
    start = 0
    while start < len(word):
        mark = "##" if start else ""
        end = next((end for end in range(len(word), start, -1) if mark + word[start:end] in vocabulary), None)
        if end is None:
            return [vocabulary["[UNK]"]]
        found.append(vocabulary[mark + word[start:end]])
        start = end
    return found
