"""``python -m bench.compare [FOLDER …]``: the same mails read by mailcrm and by the libraries of PyPI, as tables.

A folder holds sets as ``bench.corpus`` takes them; without one, ``$MAILCRM_MAILS`` or ``../shared/mails`` if it is there. Our own
``tests/corpus`` is always a set. The libraries (``compare-requirements.txt``) are installed into ``var/compare``, an environment of
their own, one by one: one that does not install is named in the table. ``bench/peers.py`` runs them there, a process each.
"""

import json
import os
import platform
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from bench.corpus import Score, count_words, judged
from mailcrm.cli.explain import explained
from mailcrm.process import quiet_noise

_HERE = Path(__file__).parent
_ENVIRONMENT = _HERE.parent / "var" / "compare"
_SECONDS = 1_800  # for one library and all mails


@dataclass(frozen=True, slots=True)
class Task:
    """What is asked of some libraries: measures of ``bench.corpus``, and the expectations that speak of them."""

    name: str
    libraries: tuple[str, ...]
    measures: tuple[str, ...]
    keys: frozenset[str]


TASKS = (
    Task(
        "What is new in a reply",
        ("email-reply-parser", "mail-parser-reply", "quotequail", "unquotemail", "talon"),
        ("reply", "rules"),
        frozenset(("reply_text", "reply_contains", "reply_excludes", "reply_startswith", "reply_endswith")),
    ),
    Task(
        "Who wrote what was forwarded",
        ("quotequail", "email-forward-parser"),
        ("forward", "sender", "name", "subject"),
        frozenset(("forwarded", "forwarded_from", "forwarded_name", "forwarded_subject")),
    ),
    Task("What bounced", ("flufl.bounce",), ("bounce", "recipient"), frozenset(("is_bounce", "bounced_recipient"))),
    Task(
        "Decoding",
        ("mail-parser", "standard library"),
        ("sender", "name", "subject", "body", "files"),
        frozenset(("from_addr", "from_name", "subject", "body_text", "n_attachments")),
    ),
)


@dataclass(frozen=True, slots=True)
class Case:
    """One mail of a set, and what should be read in it."""

    path: Path
    expected: Mapping[str, Any]


Sets = Mapping[str, Sequence[Case]]


def main(arguments: list[str]) -> None:
    quiet_noise()
    sets = sets_in([Path(argument) for argument in arguments])
    missing = install(_ENVIRONMENT)
    print(f"{platform.machine()}, {os.cpu_count()} processors, Python {platform.python_version()}\n")
    for task in TASKS:
        asked = {
            name: [_only(case, task) for case in cases if task.keys & case.expected.keys()]
            for name, cases in sets.items()
        }
        asked = {name: cases for name, cases in asked.items() if cases}
        if asked:
            print("\n".join(table(task, asked, missing)), end="\n\n")


# --- the mails ----------------------------------------------------------------------------------------------------------


def sets_in(folders: Sequence[Path]) -> dict[str, list[Case]]:
    """The sets of the folders, and our own corpus."""
    found = {"tests/corpus": own_corpus(_HERE.parent / "tests" / "corpus")}
    for folder in folders or [Path(os.environ.get("MAILCRM_MAILS", "../shared/mails"))]:
        for path in sorted(folder.glob("*/expected.jsonl")):
            entries = [json.loads(line) for line in path.read_text().splitlines()]
            found[path.parent.name] = [Case(path.parent / e["file"], e["expected"]) for e in entries]
    return found


def own_corpus(folder: Path) -> list[Case]:
    """Our own expectations in the words of ``bench.corpus``."""
    paths = sorted(folder.glob("*.eml"))
    return [Case(path, _in_their_words(json.loads(path.with_suffix(".json").read_text()))) for path in paths]


def _in_their_words(own: Mapping[str, Any]) -> dict[str, Any]:
    expected: dict[str, Any] = {}
    text = own.get("own_text", own.get("new_text"))
    if text and "quote" in own.get("passages", ()) and not own.get("forwarded"):
        expected["reply_text"] = text
    if own.get("forwarded"):
        outermost = own["forwarded"][0]
        expected |= {"forwarded": True, "forwarded_from": outermost["address"], "forwarded_name": outermost["name"]}
        expected |= {"forwarded_subject": outermost["subject"]}
    if "kind" in own:
        expected["is_bounce"] = own["kind"] == "bounce"
    if own.get("kind") == "bounce" and own.get("recipients"):
        expected["bounced_recipient"] = [one["address"] for one in own["recipients"] if one.get("address")]
    if own.get("from"):
        expected |= {"from_name": own["from"][0], "from_addr": own["from"][1]}
    if "subject" in own:
        expected["subject"] = own["subject"]
    if "attachments" in own:
        expected["n_attachments"] = len(own["attachments"])
    return expected


def _only(case: Case, task: Task) -> Case:
    return Case(case.path, {key: value for key, value in case.expected.items() if key in task.keys})


# --- the libraries ------------------------------------------------------------------------------------------------------


def install(environment: Path) -> dict[str, str]:
    """Make the environment and install each library; those that cannot be, and why in a line."""
    python = environment / "bin" / "python"
    if not python.exists():
        subprocess.run([sys.executable, "-m", "venv", "--without-pip", str(environment)], check=True)
    missing: dict[str, str] = {}
    for line in (_HERE / "compare-requirements.txt").read_text().splitlines():
        if line.strip() and not line.startswith("#"):
            command = [sys.executable, "-m", "pip", "--python", str(python), "install", "--quiet", line]
            done = subprocess.run(command, capture_output=True, text=True)
            if done.returncode:
                missing[line.partition("==")[0]] = (done.stderr.strip().splitlines() or ["pip failed"])[-1]
    return missing


def answers_of(library: str, paths: Sequence[Path]) -> list[dict[str, Any]]:
    """What a library says of each mail."""
    command = [str(_ENVIRONMENT / "bin" / "python"), str(_HERE / "peers.py"), library]
    with tempfile.TemporaryFile("w+") as asked:
        asked.writelines(f"{path.resolve()}\n" for path in paths)
        asked.seek(0)
        with tempfile.TemporaryDirectory() as elsewhere:  # not in our folder, whose modules it must not find
            done = subprocess.run(
                command, stdin=asked, capture_output=True, text=True, timeout=_SECONDS, cwd=elsewhere, check=False
            )
    answers = [json.loads(line) for line in done.stdout.splitlines()]
    if len(answers) < len(paths):
        raise RuntimeError(f"{library} ended after {len(answers)} of {len(paths)} mails: {done.stderr[-500:]}")
    return answers


# --- the score ----------------------------------------------------------------------------------------------------------


def table(task: Task, sets: Sets, missing: Mapping[str, str]) -> Iterator[str]:
    """Markdown: a line for each measure of a set, words lost, and the milliseconds a mail takes."""
    readers = ("mailcrm", *task.libraries)
    yield f"**{task.name}**\n"
    yield f"| set | measure | {' | '.join(readers)} |"
    yield f"|---|---|{'---|' * len(readers)}"
    for name, cases in sets.items():
        ours = _read_ourselves(cases)
        scores: list[Score | None] = [_scored(cases, ours)]
        for library in task.libraries:
            scores.append(None if library in missing else _score_of(library, task, cases, ours))
        yield from _lines(task, name, scores)
    for library in task.libraries:
        if library in missing:
            yield f"\n{library} could not be installed: {missing[library]}"


def _read_ourselves(cases: Sequence[Case]) -> list[dict[str, Any]]:
    answers = []
    for case in cases:
        started = time.perf_counter()
        answer = explained(case.path.read_bytes())
        answers.append({**answer, "seconds": time.perf_counter() - started})
    return answers


def _score_of(library: str, task: Task, cases: Sequence[Case], ours: Sequence[Mapping[str, Any]]) -> Score:
    theirs = answers_of(library, [case.path for case in cases])
    return _scored(cases, [_in_our_words(answer, own) for answer, own in zip(theirs, ours, strict=True)])


def _scored(cases: Sequence[Case], answers: Sequence[dict[str, Any]]) -> Score:
    score = Score()
    for case, answer in zip(cases, answers, strict=True):
        score.mails += 1
        score.slowest += answer["seconds"]  # all of them, here
        for measure, is_right in judged(dict(case.expected), answer):
            score.note(measure, is_right, case.path.name)
        count_words(score, dict(case.expected), answer)
    return score


def _in_our_words(theirs: Mapping[str, Any], ours: Mapping[str, Any]) -> dict[str, Any]:
    """A library's answer as explain would put it. A signature that we see may be kept or left out by it too."""
    reply = str(theirs.get("reply") or "").strip()
    signature = "\n".join(part["text"] for part in ours["segments"] if part["kind"] == "signature").strip()
    bare = reply.removesuffix(signature).strip() if signature else reply
    segments = [{"kind": "new", "text": bare}, {"kind": "signature", "text": signature}]
    if "text" in theirs:
        segments = [{"kind": "new", "text": theirs["text"]}]
    level = theirs.get("forwarded") or {}
    writer = level or theirs
    return {
        "seconds": theirs["seconds"],
        "kind": "bounce" if theirs.get("bounced") else "delay" if theirs.get("delayed") else "human",
        "reply_text": bare,
        "segments": segments,
        "from": {"name": theirs.get("name", ""), "address": theirs.get("address", "")},
        "subject": theirs.get("subject", ""),
        "forwarded": [{"from": writer, "subject": level.get("subject", "")}] if level else [],
        "attachments": [None] * int(theirs.get("files", 0)),
        "bounce": {"recipients": [{"address": address} for address in theirs.get("bounced", ())]},
    }


def _lines(task: Task, name: str, scores: Sequence[Score | None]) -> Iterator[str]:
    ours = scores[0]
    if ours is None:
        raise ValueError("mailcrm itself was not asked")
    for measure in task.measures:
        if ours.asked[measure]:
            cells = [_share(score.right[measure], score.asked[measure]) if score else "—" for score in scores]
            yield f"| {name} ({ours.asked[measure]}) | {measure} | {' | '.join(cells)} |"
    if ours.words["expected"]:
        cells = [_share(score.words["lost"], score.words["expected"]) if score else "—" for score in scores]
        yield f"| {name} | words lost | {' | '.join(cells)} |"
    cells = [f"{1_000 * score.slowest / score.mails:.1f}" if score else "—" for score in scores]
    yield f"| {name} | ms a mail | {' | '.join(cells)} |"


def _share(part: int, whole: int) -> str:
    return f"{100 * part / whole:.1f} %" if whole else ""


if __name__ == "__main__":
    main(sys.argv[1:])
