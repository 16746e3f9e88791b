"""What training skips changes nothing that is learned."""

from __future__ import annotations

import copy
from pathlib import Path

import pytest
from rasa.shared.nlu.training_data.message import Message

from bot import training_economies as economies

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture(autouse=True)
def applied(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Message, "fingerprint", Message.fingerprint)
    monkeypatch.setattr(Message, "__deepcopy__", None, raising=False)
    monkeypatch.setattr(economies.io, "read_yaml", economies.io.read_yaml)
    economies.apply()


def test_equal_messages_are_one_and_others_are_not() -> None:
    one = Message.build("ساعدوني", "greet", intent_metadata={"dialect": "gulf", "flags": []})
    same = Message.build("ساعدوني", "greet", intent_metadata={"flags": [], "dialect": "gulf"})
    other = Message.build("ساعدوني", "greet", intent_metadata={"dialect": "gulf", "flags": ["injury"]})
    assert len({one, same}) == 1 and len({one, other}) == 2
    assert one == same != other


def test_a_copy_of_a_message_is_equal_and_shares_nothing_that_changes() -> None:
    one = Message.build("ساعدوني", "greet", intent_metadata={"dialect": "gulf", "flags": ["injury"]})
    one.set("ranking", [{"name": "greet"}], add_to_output=True)
    again = copy.deepcopy(one)
    assert again == one and again.output_properties == one.output_properties and again.time == one.time
    again.get("metadata")["intent"]["flags"].append("honour")
    again.get("ranking")[0]["name"] = "thanks"
    again.set("folded", "x", add_to_output=True)
    assert one.get("metadata")["intent"]["flags"] == ["injury"] and one.get("ranking") == [{"name": "greet"}]
    assert "folded" not in one.data and "folded" not in one.output_properties and again != one


@pytest.mark.parametrize("text", ["\ud800", "😀", ""])
def test_any_text_has_a_fingerprint(text: str) -> None:
    assert int(Message.build(text, "greet").fingerprint(), 16)


def test_training_messages_are_read_as_rasa_reads_them() -> None:
    for file in sorted((ROOT / "nlu_data").glob("*.yml")):
        head = "\n".join(file.read_text(encoding="utf-8").splitlines()[:400])
        assert economies._read_yaml(head) == economies._slow_read_yaml(head), file.name


def test_other_files_keep_their_yes_and_no() -> None:
    assert economies._read_yaml("slots:\n  answer:\n    values: [yes, no, on]\n") == {"slots": {"answer": {"values": ["yes", "no", "on"]}}}
