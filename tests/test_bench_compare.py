"""The comparison with the libraries of PyPI: our own corpus in their words, a library that is not there, what one process says."""

import json
import subprocess
import sys
from pathlib import Path

from bench.compare import TASKS, Case, own_corpus, table

CORPUS = Path(__file__).parent / "corpus"


def test_our_own_corpus_speaks_of_every_task() -> None:
    cases = own_corpus(CORPUS)
    for task in TASKS:
        assert sum(bool(task.keys & case.expected.keys()) for case in cases) >= 20, task.name


def test_a_library_that_does_not_install_is_named_in_the_table(tmp_path: Path) -> None:
    path = tmp_path / "0.eml"
    path.write_text("From: a@b.example\nSubject: Re: x\n\nYes\n\nOn 5.3.2024 10:11 a@b.example wrote:\n> no\n")
    missing = dict.fromkeys(TASKS[0].libraries, "no such wheel")

    lines = list(table(TASKS[0], {"one": [Case(path, {"reply_text": "Yes"})]}, missing))

    assert "| one (1) | reply | 100.0 % | — | — | — | — | — |" in lines
    assert "\ntalon could not be installed: no such wheel" in lines


def test_a_peer_reads_a_mail_a_line_and_says_what_failed(tmp_path: Path) -> None:
    (tmp_path / "0.eml").write_bytes(b"From: Carol <c@x.example>\nSubject: Hello\n\nWords.\n")
    peers = Path(__file__).parents[1] / "bench" / "peers.py"
    answers = {}
    for library in ("standard library", "talon"):
        asked = f"{tmp_path / '0.eml'}\n"
        command = [sys.executable, str(peers), library]
        done = subprocess.run(command, input=asked, capture_output=True, text=True, check=True, cwd=tmp_path)
        answers[library] = json.loads(done.stdout)

    read = answers["standard library"]
    assert (read["name"], read["address"], read["subject"]) == ("Carol", "c@x.example", "Hello")
    assert read["text"].strip() == "Words."
    assert answers["talon"]["error"].startswith("ModuleNotFoundError")
