"""What kind of mail it is: the rules where one header decides, and the flags beside the kind."""

from datetime import UTC, datetime

import pytest

from mailcrm.ingest import kind_words as words
from mailcrm.ingest.classify import spam_values
from mailcrm.ingest.understand import understand
from mailcrm.mail import Door, Envelope, MailKind, Reason, Verdict

NOW = datetime(2024, 3, 5, tzinfo=UTC)


def _verdict(
    fields: str = "", subject: str = "Tarjous", mail_from: str = "carol@asiakas.example", body: str = "Hei"
) -> Verdict:
    raw = f"From: carol@asiakas.example\nSubject: {subject}\nMessage-ID: <a@asiakas.example>\n{fields}\n{body}\n"
    return understand(raw.encode(), Envelope(mail_from, ("myynti@firma.example",), NOW, Door.SMTP))[1]


def test_a_plain_mail_is_human() -> None:
    assert _verdict() == Verdict(MailKind.HUMAN, Reason.WRITTEN_BY_A_PERSON)


@pytest.mark.parametrize(
    ("field", "kind"),
    [
        ("Auto-Submitted: auto-replied (vacation)", MailKind.AUTO_REPLY),
        ("Auto-Submitted: no", MailKind.HUMAN),
        ("Auto-Submitted: auto-generated", MailKind.SYSTEM),
        ("X-Autorespond: loma", MailKind.AUTO_REPLY),
        ("X-Autoreply: no", MailKind.HUMAN),
        ("Precedence: auto-reply", MailKind.AUTO_REPLY),
        ("X-Auto-Response-Suppress: All", MailKind.HUMAN),
        ("Precedence: list", MailKind.BULK),
        ("List-Id: <lista.firma.example>", MailKind.BULK),
        ("X-Spam-Flag: YES", MailKind.SPAM),
        ("X-Spam-Status: Yes, score=9.1", MailKind.SPAM),
        ("X-Spam-Status: No, score=1.1", MailKind.HUMAN),
        ("X-Spamd-Result: default: True [16.00 / 15.00]", MailKind.SPAM),
    ],
)
def test_one_field_decides(field: str, kind: MailKind) -> None:
    assert _verdict(f"{field}\n").kind is kind


@pytest.mark.parametrize(
    "subject",
    ["Automaattinen vastaus: Tarjous", "Poissaoloviesti", "Autosvar: x", "Out of office: x", "Abwesenheitsnotiz: x"],
)
def test_the_subject_of_an_absence_decides(subject: str) -> None:
    assert _verdict(subject=subject).kind is MailKind.AUTO_REPLY


def test_the_null_reverse_path_alone_proves_only_a_machine() -> None:
    verdict = _verdict(mail_from="")
    assert (verdict.kind, verdict.reason, verdict.is_machine) == (MailKind.SYSTEM, Reason.NULL_REVERSE_PATH, True)


def test_the_return_path_field_is_not_asked_where_there_was_an_envelope() -> None:
    assert not _verdict("Return-Path: <>\n").is_machine


def test_flags_stand_beside_the_kind() -> None:
    verdict = _verdict("Auto-Submitted: auto-replied\nList-Id: <x.example>\nX-Spam: Yes\n")
    assert verdict.kind is MailKind.AUTO_REPLY
    assert verdict.is_machine
    assert verdict.is_bulk
    assert verdict.is_spam


def test_a_challenge_is_told_from_a_person() -> None:
    assert _verdict("Auto-Submitted: auto-generated\n", "Please confirm your message").kind is MailKind.CHALLENGE
    assert _verdict(subject="Please confirm your message").kind is MailKind.HUMAN


def test_every_sentence_of_an_automatic_mail_holds_a_word_that_is_looked_for() -> None:
    assert [one for one in words.OF_ITSELF if not any(root in one for root in words.AUTOMATIC_ROOTS)] == []


# --- the header map -----------------------------------------------------------------------------------------------------


def _spam_detail(field: str, configured: dict[str, str]) -> str:
    raw = f"From: a@x.example\r\nTo: b@y.example\r\nSubject: s\r\n{field}\r\n\r\nhello\r\n".encode()
    verdict = understand(raw, Envelope("a@x.example", ("b@y.example",), NOW, Door.SMTP), spam_values(configured))[1]
    return verdict.detail if verdict.is_spam else ""


def test_a_filters_own_field_is_spam_as_the_configuration_says() -> None:
    own = {"X-Our-Filter": "bad|score=[89]"}
    assert _spam_detail("X-Our-Filter: BAD, very", own) == "x-our-filter: BAD, very"
    assert _spam_detail("X-Our-Filter: score=9.1", own)
    assert not _spam_detail("X-Our-Filter: good, not bad", own)
    assert not _spam_detail("X-Our-Filter: bad", {})


def test_what_rspamd_and_spamassassin_write_is_known_unless_it_is_taken_away() -> None:
    for field in ("X-Spam-Status: Yes, score=7.1", "X-Spam: Yes", "X-Rspamd-Action: add header", "X-Spam-Flag: YES"):
        assert _spam_detail(field, {})
        assert not _spam_detail(field, {field.partition(":")[0]: ""})
