"""CAMeL's dialect model beside ours: the library itself, with data made here (in a process of its own: it reads its folder
when it is imported), and clear words when the data is not there."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from bot.components.camel_dialect import CamelDataNotUsable, CamelDialect, agreed

ROOT = Path(__file__).resolve().parents[2]
SAID = {"BEI": "شو بدك هلق", "CAI": "عايز ايه دلوقتي", "DOH": "شتبي الحين", "MSA": "ماذا تريد الان", "RAB": "شنو بغيتي دابا", "TUN": "شنوة تحب توا"}

MAKE = """
import sys
from pathlib import Path
import dill
from camel_tools.dialectid import DIDModel6
model = DIDModel6()
model.train(Path(sys.argv[1], "train.tsv"))
model._feat_union.transformer_list[0][1].tokenizer = str.split
model._feat_union.transformer_list[1][1].tokenizer = None
model._char_lms = model._word_lms = None
name = f"did_pretrained_{sys.version_info.major}{sys.version_info.minor}.dill"
Path(sys.argv[1], "data", "did6", name).write_bytes(dill.dumps(model))
"""

ASK = """
import sys
from pathlib import Path
from rasa.shared.nlu.training_data.message import Message
from bot.components.camel_dialect import CamelDialect
component = CamelDialect(Path(sys.argv[1]))
for text, script in (("شتبي الحين", "arabic"), ("shtabi al7een", "latin")):
    message = Message({"text": text, "script": script, "dialect": "levantine",
                       "dialects": {"levantine": 0.4, "gulf": 0.35, "egyptian": 0.1, "msa": 0.1, "english": 0.05}})
    component.process([message])
    print(message.get("dialect"))
"""


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A data folder as ``camel_data`` leaves it, with a model of six sentences."""
    folder = tmp_path_factory.mktemp("camel")
    catalogue = {
        "version": "1.5", "packages": {},
        "components": {"DialectID": {"default": "model6", "datasets": {
            name: {"license": "", "path": "did6", "version": "1", "package": ""} for name in ("model6", "model26")
        }}},
    }
    (folder / "catalogue.json").write_text(json.dumps(catalogue))
    for kind in ("char", "word"):
        (folder / "data" / "did6" / "lm" / kind).mkdir(parents=True)
        for label, said in SAID.items():
            words = sorted(set(said if kind == "char" else said.split()) - {" "}) + ["<SPACE>"] * (kind == "char")
            entries = "\n".join(f"-1.0\t{word}\t-0.3" for word in ("<unk>", "<s>", "</s>", *words))
            pairs = "\n".join(f"-0.5\t<s> {word}" for word in words)  # kenlm reads nothing less than pairs
            counts = f"ngram 1={3 + len(words)}\nngram 2={len(words)}"
            arpa = f"\\data\\\n{counts}\n\n\\1-grams:\n{entries}\n\n\\2-grams:\n{pairs}\n\n\\end\\\n"
            (folder / "data" / "did6" / "lm" / kind / f"{label}.arpa").write_text(arpa, encoding="utf-8")
    (folder / "train.tsv").write_text("ar\tdialect\n" + "".join(f"{said}\t{label}\n" for label, said in SAID.items()), encoding="utf-8")
    return folder


def run(code: str, folder: Path) -> list[str]:
    """What a fresh interpreter prints for this code, with CAMeL's folder set."""
    environ = {"CAMELTOOLS_DATA": str(folder), "PATH": "/usr/bin:/bin", "HOME": str(folder)}
    ended = subprocess.run(
        [sys.executable, "-W", "ignore", "-c", code, str(folder)], cwd=ROOT, env=environ, capture_output=True, text=True, check=False,
    )
    assert ended.returncode == 0, ended.stderr[-800:]
    return ended.stdout.split()


def test_its_opinion_tips_the_balance_for_arabic_script_only(data: Path) -> None:
    run(MAKE, data)
    assert run(ASK, data) == ["gulf", "levantine"]


def test_both_models_count() -> None:
    assert agreed({"levantine": 0.5, "egyptian": 0.4}, {"levantine": 0.2, "egyptian": 0.7, "gulf": 0.05, "msa": 0.05}) == "egyptian"
    assert agreed({"levantine": 0.9, "egyptian": 0.05}, {"levantine": 0.3, "egyptian": 0.6, "gulf": 0.05, "msa": 0.05}) == "levantine"


def test_without_data_nothing_is_fetched_and_the_reason_is_said(tmp_path: Path) -> None:
    with pytest.raises(CamelDataNotUsable, match=r"no catalogue\.json there"):
        CamelDialect(tmp_path)
