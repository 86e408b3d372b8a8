"""``python -m bench.corpus [FOLDER] [--missed]``: how well real mail is read, as a table.

The folder (else ``$MAILCRM_MAILS``, else ``../shared/mails``) holds sets of real mails: ``<set>/expected.jsonl`` with a line
``{"file", "case", "expected"}`` for each mail. What is measured is what ``mailcrm explain --json`` says. Where there is no
such folder, this says so and ends well.

Texts are equal when equal without white space; a signature may be kept or left out. Words of the writer that are in neither
the new text nor the signature are lost; words in the new text that are not expected are let in.
"""

import json
import os
import sys
import time
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from mailcrm.cli.explain import explained
from mailcrm.process import quiet_noise

MEASURES = (
    "reply", "rules", "sender", "name", "subject", "forward", "bounce", "recipient", "delay", "auto", "feedback", "body", "files",
)  # fmt: skip
_RECALL = 0.95


@dataclass(slots=True)
class Score:
    """Of each measure how many mails were right and how many were asked; counts of words; the cases that were wrong."""

    right: Counter[str] = field(default_factory=Counter)
    asked: Counter[str] = field(default_factory=Counter)
    words: Counter[str] = field(default_factory=Counter)  # expected, lost, let_in
    missed: list[str] = field(default_factory=list)
    mails: int = 0
    slowest: float = 0.0

    def note(self, measure: str, is_right: bool, case: str) -> None:
        self.asked[measure] += 1
        self.right[measure] += is_right
        if not is_right:
            self.missed.append(f"{measure:10} {case}")


def main(arguments: list[str]) -> None:
    folders = [word for word in arguments if not word.startswith("--")]
    mails = Path(folders[0] if folders else os.environ.get("MAILCRM_MAILS", "../shared/mails"))
    sets = sorted(mails.glob("*/expected.jsonl"))
    if not sets:
        print(f"There are no sets of mails in {mails}: nothing to score.")
        return
    quiet_noise()
    scores = {path.parent.name: scored(path) for path in sets}
    print("\n".join(table(scores)))
    if "--missed" in arguments:
        print(*(f"{name} {line}" for name, score in scores.items() for line in score.missed), sep="\n")


def scored(expected_file: Path) -> Score:
    """The score of one set."""
    score = Score()
    for line in expected_file.read_text().splitlines():
        entry = json.loads(line)
        raw = (expected_file.parent / entry["file"]).read_bytes()
        started = time.perf_counter()
        answer = explained(raw)
        score.slowest = max(score.slowest, time.perf_counter() - started)
        score.mails += 1
        for measure, is_right in judged(entry["expected"], answer):
            score.note(measure, is_right, f"{entry['file']} {entry['case']}")
        count_words(score, entry["expected"], answer)
    return score


# --- one mail ---------------------------------------------------------------------------------------------------------


def judged(expected: dict[str, Any], answer: dict[str, Any]) -> Iterator[tuple[str, bool]]:
    """Each measure that the expectation speaks of, and whether the answer is right."""
    yield from _reply(expected, answer)
    yield from _forward(expected, answer)
    yield from _kind(expected, answer)
    yield from _decoding(expected, answer)


def _reply(expected: dict[str, Any], answer: dict[str, Any]) -> Iterator[tuple[str, bool]]:
    if "reply_text" in expected:
        yield "reply", _squeezed(expected["reply_text"]) in {_squeezed(text) for text in _readings(answer)}
    rules = expected.keys() & {"reply_contains", "reply_excludes", "reply_startswith", "reply_endswith"}
    if rules:
        yield "rules", any(_keeps_rules(expected, " ".join(text.split())) for text in _readings(answer))


def _readings(answer: dict[str, Any]) -> list[str]:
    """The new text without and with the signature. Of a forward it is what the forwarder wrote above."""
    return [answer["reply_text"], _text_of(answer, "new", "signature")]


def _keeps_rules(expected: dict[str, Any], text: str) -> bool:
    begins, ends = (" ".join(expected.get(f"reply_{rule}", "").split()) for rule in ("startswith", "endswith"))
    contains, excludes = expected.get("reply_contains", ()), expected.get("reply_excludes", ())
    return (
        text.startswith(begins)
        and text.endswith(ends)
        and all(" ".join(words.split()) in text for words in contains)
        and not any(" ".join(words.split()) in text for words in excludes)
    )


def _forward(expected: dict[str, Any], answer: dict[str, Any]) -> Iterator[tuple[str, bool]]:
    levels = answer["forwarded"]
    if "forwarded" in expected:
        yield "forward", bool(levels) == expected["forwarded"]
    outermost: dict[str, Any] = levels[0] if levels else {"from": None, "subject": ""}
    writer = outermost["from"] or {"name": "", "address": ""}
    if "forwarded_from" in expected:
        yield "sender", _same(writer["address"], expected["forwarded_from"])
    if "forwarded_name" in expected:
        yield "name", _same(writer["name"], expected["forwarded_name"])
    if "forwarded_subject" in expected:
        yield "subject", _same(outermost["subject"], expected["forwarded_subject"])


def _kind(expected: dict[str, Any], answer: dict[str, Any]) -> Iterator[tuple[str, bool]]:
    if "is_bounce" in expected:
        yield "bounce", (answer["kind"] == "bounce") == expected["is_bounce"]
    if "bounced_recipient" in expected:
        found = {one["address"].lower() for one in (answer["bounce"] or {"recipients": []})["recipients"]}
        yield "recipient", {address.lower() for address in expected["bounced_recipient"]} <= found
    for key, measure, kind in (
        ("is_delay", "delay", "delay"),
        ("is_auto_reply", "auto", "auto_reply"),
        ("is_feedback_report", "feedback", "feedback_report"),
    ):
        if key in expected:
            yield measure, (answer["kind"] == kind) == expected[key]


def _decoding(expected: dict[str, Any], answer: dict[str, Any]) -> Iterator[tuple[str, bool]]:
    writer = answer["from"] or {"name": "", "address": ""}
    if "from_addr" in expected:
        yield "sender", _same(writer["address"], expected["from_addr"])
    if "from_name" in expected:
        yield "name", _same(writer["name"], expected["from_name"])
    if "subject" in expected:
        yield "subject", _same(answer["subject"], expected["subject"])
    if "body_text" in expected:
        words = Counter(expected["body_text"].split())
        found = words & Counter(_text_of(answer).split())
        yield "body", found.total() >= _RECALL * words.total()
    if "n_attachments" in expected:
        yield "files", len(answer["attachments"]) == expected["n_attachments"]


def count_words(score: Score, expected: dict[str, Any], answer: dict[str, Any]) -> None:
    if "reply_text" not in expected:
        return
    wanted = Counter(expected["reply_text"].split())
    score.words["expected"] += wanted.total()
    score.words["lost"] += (wanted - Counter(_text_of(answer, "new", "signature").split())).total()
    score.words["let_in"] += (Counter(_text_of(answer, "new").split()) - wanted).total()


def _text_of(answer: dict[str, Any], *kinds: str) -> str:
    return "\n".join(part["text"] for part in answer["segments"] if not kinds or part["kind"] in kinds).strip()


def _same(found: str, wanted: str | None) -> bool:
    """Equal but for white space; of addresses, names and subjects the case does not count either."""
    return _squeezed(found).casefold() == _squeezed(wanted or "").casefold()


def _squeezed(text: str) -> str:
    return "".join(text.split())


# --- the table --------------------------------------------------------------------------------------------------------


def table(scores: dict[str, Score]) -> Iterator[str]:
    """A line per set: each measure as right/asked, words lost and let in as percent of those expected, seconds at most."""
    used = [measure for measure in MEASURES if any(score.asked[measure] for score in scores.values())]
    yield f"{'set':20} mails " + " ".join(f"{measure:>9}" for measure in (*used, "lost %", "let in %", "slowest"))
    for name, score in scores.items():
        figures = [f"{score.right[m]}/{score.asked[m]}" if score.asked[m] else "" for m in used]
        share = [_percent(score.words[word], score.words["expected"]) for word in ("lost", "let_in")]
        yield f"{name:20} {score.mails:5} " + " ".join(
            f"{figure:>9}" for figure in (*figures, *share, f"{score.slowest:.2f} s")
        )


def _percent(part: int, whole: int) -> str:
    return f"{100 * part / whole:.2f}" if whole else ""


if __name__ == "__main__":
    main(sys.argv[1:])
