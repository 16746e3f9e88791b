"""A small bundle that keeps every rule, and helpers that break it in one place."""

from __future__ import annotations

from pathlib import Path

from api.scripts.check import check_release
from api.scripts.required import EMERGENCY_FIRST, GATEWAY_TEXTS
from api.scripts.tree import Problem

FLAWLESS: dict[str, str] = {
    "release.yml": "name: test\nlanguages: [ar, en]\nowner: somebody\n",
    "phrases/revealing.yml": "arabic: [عنف, شرطة, حماية]\nenglish: [violence, police, domestic abuse]\n",
    "phrases/exit.yml": "phrases:\n  - phrase: خروج\n    advertised: true\n  - phrase: exit now\n",
    "phrases/danger.yml": """\
concepts:
  now: {words: {english: [now]}}
  knife: {words: {english: [knife]}, flag: weapon}
danger:
  - {says: a knife now, all: [knife, now], level: now}
""",
    "desks.yml": """\
desks:
  - {code: all, name: {ar: "الكل", en: All}, countries: [JO, QA, BH, AE, XX], zone: Asia/Amman, hours: always}
""",
    "texts/all.yml": "",  # written by ``texts_file``
    "screening/answers.yml": """\
hints:
  yes_no: {lev: "1 نعم، 2 لا", gulf: "1 نعم، 2 لا", msa: "1 نعم، 2 لا", en: "1 yes, 2 no"}
words:
  "yes": {arabic: [نعم], english: ["yes"]}
  "no": {arabic: [لا], english: ["no"]}
  skip: {arabic: [تخطي], english: [skip]}
  unsure: {arabic: [يمكن], english: [maybe]}
""",
    "screening/choose.yml": "rows:\n  - intents: [disclose_physical]\n    ask: [near]\nharm:\n  intents: [disclose_physical]\n",
    "screening/near.yml": """\
set: near
version: 1
about: "Danger now. Worded here, not a validated instrument."
items:
  - id: N1
    ask: {lev: "في حدا جنبك؟", gulf: "في أحد صوبك؟", msa: "هل أحد بقربك؟", en: "Is somebody near you?"}
    card: {ar: "بقربه", en: "near"}
rules:
  - band: RED
    when: N1
""",
}

NAMES = [name for name in GATEWAY_TEXTS if name not in EMERGENCY_FIRST]


def plain_text(name: str, indent: str = "  ") -> str:
    """The lines of one text without anything special about it."""
    return (
        f"{indent}{name}:\n{indent}  neutral: true\n{indent}  lev: مرحبا\n{indent}  gulf: هلا\n"
        f"{indent}  msa: أهلا\n{indent}  en: Hello\n"
    )


def _emergency_text(name: str) -> str:
    words = "".join(f'    {variant}: "{{emergency}}"\n' for variant in ("lev", "gulf", "msa", "en"))
    without = '    no_numbers: {lev: "رقم الطوارئ", gulf: "رقم الطوارئ", msa: "رقم الطوارئ", en: "the number"}\n'
    return f"  {name}:\n    neutral: true\n{words}{without}"


def texts_file(extra: str = "") -> str:
    """A file of all texts that must exist, with ``extra`` as its first text (so that its line is known: line 2)."""
    body = "".join(plain_text(name) for name in NAMES)
    emergencies = "".join(_emergency_text(name) for name in EMERGENCY_FIRST)
    return "texts:\n" + extra + body + emergencies


def channels_file() -> str:
    lines = ["countries:"]
    for country in ("JO", "QA", "BH", "AE", "XX"):
        lines.append(f"  {country}:")
        for channel in ("whatsapp", "sms"):
            allowed = "false" if (country, channel) == ("AE", "sms") else "true"
            lines += [
                f"    {channel}:",
                "      two_way: true",
                f"      numbers_allowed_in_body: {allowed}",
                "      urls_allowed: false",
                "      segment_budget: 2",
                "      sender: number",
                "      estimated_price_per_part_usd: 0.05",
                "      source: read somewhere",
            ]
    return "\n".join(lines) + "\n"


def number_entry(number: str, country: str, kind: str, place: str = "", verified: str = "2026-01-01", **other: str) -> str:
    """One entry of numbers.yml; an empty ``verified`` makes it one that nobody has checked."""
    label = other.get("label", '{lev: "طوارئ", gulf: "طوارئ", msa: "طوارئ", en: "Help"}')
    by, expires = ("somebody", "2027-01-01") if verified else ("", "")
    return (
        f'  - number: "{number}"\n    country: {country}\n    place: {place}\n    kind: {kind}\n    label: {label}\n'
        f"    source: a page\n    confidence: high\n    verified_on: {verified}\n    verified_by: {by}\n"
        f"    expires_on: {other.get('expires', expires)}\n"
    )


def numbers_file(*extra: str, verified: str = "2026-01-01") -> str:
    emergency = {"JO": "911", "QA": "999", "BH": "999", "AE": "999", "XX": "112"}
    entries = [number_entry(number, country, "emergency", verified=verified) for country, number in emergency.items()]
    return "numbers:\n" + "".join((*entries, *extra))


def write_bundle(root: Path, **changed: str | bytes | None) -> Path:
    """A flawless bundle under ``root/scripts``; ``changed`` replaces files (``texts__all`` is texts/all.yml)."""
    files: dict[str, str | bytes | None] = {
        **FLAWLESS,
        "texts/all.yml": texts_file(),
        "channels.yml": channels_file(),
        "numbers.yml": numbers_file(),
    }
    files.update({f"{name.replace('__', '/')}.yml": content for name, content in changed.items()})
    directory = root / "scripts"
    for name, content in files.items():
        if content is not None:
            path = directory / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(content if isinstance(content, bytes) else content.encode())
    return directory


def problems_of(root: Path, **changed: str | bytes | None) -> list[Problem]:
    """What the checker says about a flawless bundle with some files replaced."""
    return check_release(write_bundle(root, **changed))


def with_text(root: Path, text: str, **changed: str | bytes | None) -> list[Problem]:
    """What the checker says when ``text`` stands first in texts/all.yml, its name on line 2."""
    return problems_of(root, texts__all=texts_file(text), **changed)


def found(problems: list[Problem], rule: str) -> list[tuple[str, int]]:
    """The places at which a rule is broken."""
    return [(problem.file, problem.line) for problem in problems if problem.rule == rule]
