"""A pretrained encoder by path: loaded, asked, kept by name and not by value, refused with a reason."""

from __future__ import annotations

import pickle
from pathlib import Path

import numpy as np
import pytest

from bot.components.encoder import Encoder, EncoderNotUsable, word_pieces, words_of
from bot.components.message_features import MessageFeatures
from tests.bot.tiny_encoder import PIECES, WIDTH, write

VOCABULARY = {piece: at for at, piece in enumerate(PIECES)}
TEXTS = ["جوزي ضربني", "بدي احكي", "help me", "helping hands", "جوزي ضربني بالبيت", "بدي احكي معكم"] * 4


@pytest.mark.parametrize("inputs", [("input_ids", "attention_mask"), ("input_ids", "attention_mask", "token_type_ids"), ("input_ids",)])
def test_a_message_becomes_a_vector_of_length_one(tmp_path: Path, inputs: tuple[str, ...]) -> None:
    encoder = Encoder(write(tmp_path, inputs))
    vector = encoder.vector("جوزي ضربني.")
    assert vector.shape == (WIDTH,) and vector.dtype == np.float32 and abs(float(np.linalg.norm(vector)) - 1) < 1e-5
    assert np.allclose(vector, encoder.vector(" جوزي   ضربني . "))
    assert not np.allclose(vector, encoder.vector("بدي احكي"))


@pytest.mark.parametrize("text", ["", "😭", "\ud800", "\u202e\u0300", "ا" * 1600, "كلمة " * 400, "123", "…،؟"])
def test_no_message_is_too_much_for_it(tmp_path: Path, text: str) -> None:
    assert np.isfinite(Encoder(write(tmp_path)).vector(text)).all()


def test_words_are_parted_and_pieced_as_bert_does_it() -> None:
    assert list(words_of("جوزي ضربني. help!")) == ["جوزي", "ضربني", ".", "help", "!"]
    assert [PIECES[at] for at in word_pieces("ضربني", VOCABULARY)] == ["ضرب", "##ني"]
    assert [PIECES[at] for at in word_pieces("helping", VOCABULARY)] == ["help", "##ing"]
    assert [PIECES[at] for at in word_pieces("helpless", VOCABULARY)] == ["[UNK]"]


def test_with_an_encoder_one_message_has_the_features_it_had_in_training(tmp_path: Path) -> None:
    features = MessageFeatures(0.25, write(tmp_path))
    learned = features.learn(TEXTS, [text[0] == "h" for text in TEXTS])
    kept = pickle.loads(pickle.dumps(features))
    for text in ("جوزي ضربني", "jozi darabni helping", ""):
        row = np.zeros(learned.shape[1], dtype=np.float32)
        np.add.at(row, *kept.active(text, text))
        assert np.allclose(row, kept.of([text]).toarray()[0], atol=1e-5)
    assert len(pickle.dumps(features)) < len(pickle.dumps(MessageFeatures(0.25))) + 20_000, "the encoder is not kept in the model"


def test_another_encoder_than_the_one_learned_with_is_refused(tmp_path: Path) -> None:
    kept = pickle.dumps(Encoder(write(tmp_path)))
    assert pickle.loads(kept).vector("بدي").shape == (WIDTH,)
    write(tmp_path, seed=1)
    with pytest.raises(EncoderNotUsable, match="train again"):
        pickle.loads(kept)


def test_what_is_wrong_is_said(tmp_path: Path) -> None:
    with pytest.raises(EncoderNotUsable, match=r"vocab\.txt: No such file"):
        Encoder(tmp_path)
    write(tmp_path)
    (tmp_path / "vocab.txt").write_text("a\nb\n")
    with pytest.raises(EncoderNotUsable, match=r"lacks \[UNK\], \[CLS\], \[SEP\]"):
        Encoder(tmp_path)
    write(tmp_path, ("input_ids", "pixel_values"))
    with pytest.raises(EncoderNotUsable, match="pixel_values"):
        Encoder(tmp_path)
    write(tmp_path)
    (tmp_path / "model.onnx").write_bytes(b"no model")
    with pytest.raises(EncoderNotUsable, match="cannot be used"):
        Encoder(tmp_path)
