"""The score of real mails: what counts as right, and that a place without such mails is no fault."""

import json
from pathlib import Path
from typing import Any

import pytest

from bench.corpus import judged, main, scored, table

REPLY = "From: carol@asiakas.example\nSubject: Re: x\n\nYes please\n\nOn 5.3.2024 10:11 a@b.example wrote:\n> no\n"


def _set(folder: Path, raw: str, expected: dict[str, Any]) -> Path:
    folder.mkdir()
    (folder / "0.eml").write_text(raw)
    path = folder / "expected.jsonl"
    path.write_text(json.dumps({"file": "0.eml", "case": "one", "expected": expected}) + "\n")
    return path


def _answer(**values: Any) -> dict[str, Any]:
    nothing: dict[str, Any] = {
        "kind": "human", "from": None, "subject": "", "reply_text": "", "segments": [],
        "forwarded": [], "bounce": None, "attachments": [],
    }  # fmt: skip
    return {**nothing, **values}


def test_words_lost_and_let_in_are_counted(tmp_path: Path) -> None:
    score = scored(_set(tmp_path / "a", REPLY, {"reply_text": "Yes thanks"}))
    assert (score.right["reply"], score.asked["reply"]) == (0, 1)
    assert score.words == {"expected": 2, "lost": 1, "let_in": 1}
    assert score.missed == ["reply      0.eml one"]


def test_white_space_does_not_count_and_a_signature_may_stay_or_go() -> None:
    segments = [{"kind": "new", "text": "Yes"}, {"kind": "signature", "text": "-- \nCarol"}]
    answer = _answer(reply_text="Yes", segments=segments)
    for wanted in ("Yes", "Yes\n\n--\nCarol"):
        assert list(judged({"reply_text": wanted}, answer)) == [("reply", True)]
    assert list(judged({"reply_text": "Yes Carol"}, answer)) == [("reply", False)]
    assert list(judged({"reply_startswith": "Yes", "reply_excludes": ["Carol"]}, answer)) == [("rules", True)]


def test_of_a_forward_the_outermost_level_counts() -> None:
    level = {"from": {"name": "Carol", "address": "Carol@x.example"}, "subject": "Offer"}
    expected = {
        "forwarded": True,
        "forwarded_from": "carol@x.example",
        "forwarded_name": "Carol",
        "forwarded_subject": "Re: Offer",
    }
    assert dict(judged(expected, _answer(forwarded=[level]))) == {
        "forward": True,
        "sender": True,
        "name": True,
        "subject": False,
    }


def test_every_failed_recipient_must_be_found() -> None:
    bounce = {"recipients": [{"address": "a@x.example"}]}
    expected = {"is_bounce": True, "bounced_recipient": ["a@x.example", "b@x.example"]}
    assert dict(judged(expected, _answer(kind="bounce", bounce=bounce))) == {"bounce": True, "recipient": False}
    assert dict(judged({"is_delay": True, "is_auto_reply": True}, _answer(kind="delay"))) == {
        "delay": True,
        "auto": False,
    }


def test_the_table_has_a_line_for_each_set(tmp_path: Path) -> None:
    expected = {"subject": "Re: x", "from_addr": "CAROL@asiakas.example", "body_text": "Yes please", "n_attachments": 0}
    lines = list(table({"a": scored(_set(tmp_path / "a", REPLY, expected))}))
    assert lines[0].split()[:6] == ["set", "mails", "sender", "subject", "body", "files"]
    assert lines[1].split()[:6] == ["a", "1", "1/1", "1/1", "1/1", "1/1"]


def test_no_mails_at_hand_is_said_and_no_fault(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    main([str(tmp_path)])
    assert "nothing to score" in capsys.readouterr().out
