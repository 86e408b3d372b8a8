"""The buttons of every kind of mail: understood by the reader of commands, safe as links, made for thumbs."""

import re
from datetime import UTC, datetime
from email import message_from_bytes, policy
from email.message import EmailMessage
from urllib.parse import parse_qs, unquote, urlsplit

import pytest
from selectolax.lexbor import LexborHTMLParser

from mailcrm.address import read_token
from mailcrm.commands.grammar import Place
from mailcrm.commands.numbered import read_answer
from mailcrm.commands.reading import read_orders
from mailcrm.commands.words import DECISION_WORDS, UNDO_WORDS
from mailcrm.mail import Intent, NoticeKind, Verb
from mailcrm.notify.buttons import mailto
from mailcrm.notify.fitting import MOST_HTML, size_of
from mailcrm.notify.render import Templates, template_folder
from scripts.mail_samples import Sample, head_of_samples, samples

NOW = datetime(2026, 11, 24, 8, tzinfo=UTC)
HEAD, TEMPLATES = head_of_samples(), Templates()
SAMPLES = list(samples())


def mail_of(sample: Sample) -> EmailMessage:
    return message_from_bytes(sample.composed(HEAD, TEMPLATES), policy=policy.default)


def html_of(mail: EmailMessage) -> str:
    part = mail.get_body(("html",))
    assert part is not None
    return str(part.get_content())


def links(html: str) -> list[tuple[str, str]]:
    """Label and address of every link."""
    return [(node.text(strip=True), str(node.attributes["href"])) for node in LexborHTMLParser(html).css("a")]


def body_of(href: str) -> str:
    return parse_qs(urlsplit(href).query, keep_blank_values=True).get("body", [""])[0]


def pressed(href: str, typed: str = "") -> str:
    """What the mail client puts into the mail, and what its user adds at the end; below it the signature."""
    return f"{body_of(href)}{typed}\n\n-- \nAlice Aalto\nFirma Oy".replace("\r\n", "\n")


@pytest.mark.parametrize("sample", SAMPLES, ids=lambda s: f"{s.name}.{s.locale}")
def test_every_button_of_every_mail_is_understood_and_can_only_write_to_us(sample: Sample) -> None:
    place = Place(NOW, "Europe/Helsinki", sample.locale)
    mail = mail_of(sample)
    for label, href in links(html_of(mail)):
        parts = urlsplit(href)
        if parts.scheme != "mailto":
            assert parts.scheme in ("http", "https")
            continue
        if not parts.query:  # an address that a customer wrote
            continue
        claim = read_token(unquote(parts.path))
        assert claim is not None, href
        assert re.fullmatch(r"[\x21-\x7e]+", href), href
        assert "\n" not in body_of(href).replace("\r\n", "")
        written = body_of(href).strip()
        if claim.intent is Intent.DECIDE:
            assert any(written in words for words in DECISION_WORDS.values())
        elif claim.intent is Intent.UNDO:
            assert written in UNDO_WORDS
        elif claim.intent is Intent.DIGEST:
            answered = read_answer(body_of(href) + ("Bob" if label.endswith("…") else ""), claim.outbox_id, place)
            assert (len(answered.entries), answered.faults) == (1, ()), written
        elif not written:
            assert claim.intent is (Intent.REPLY if label.startswith(("Reply", "Vastaa")) else Intent.NOTE)
        else:
            orders = read_orders(pressed(href, "Bob" if label.endswith("…") else ""), "", place, "Alice Aalto")
            assert claim.intent is Intent.NOTE
            assert orders.faults == ()
            assert len(orders.commands) == 1, written
            assert (orders.text, orders.note) == ("-- \nAlice Aalto\nFirma Oy", "")


def verbs(name: str, locale: str = "en") -> list[Verb]:
    sample = next(s for s in SAMPLES if (s.name, s.locale) == (name, locale))
    place = Place(NOW, "Europe/Helsinki", locale)
    bodies = [body_of(href) for _, href in links(html_of(mail_of(sample))) if body_of(href).startswith("/")]
    read = [read_orders(f"{body} Bob" if not body.endswith("\n") else body, "", place) for body in bodies]
    return [one.commands[0].verb for one in read]


@pytest.mark.parametrize("locale", ["en", "fi"])
def test_what_is_offered_depends_on_what_happened_and_how_the_lead_stands(locale: str) -> None:
    assert verbs("message_new_lead", locale) == [Verb.CALL, Verb.ASSIGN, Verb.WON, Verb.LOST]
    assert verbs("message_nobodys", locale) == [Verb.TAKE, Verb.ASSIGN, Verb.CALL]
    assert verbs("message_reply", locale) == [Verb.DONE, Verb.SNOOZE, Verb.CALL, Verb.WON, Verb.LOST]
    assert verbs("reminder", locale) == [Verb.DONE, Verb.SNOOZE, Verb.WON, Verb.LOST]
    assert verbs("sent", locale) == [Verb.MUTE]
    assert verbs("failed", locale) == [Verb.CALL]
    assert verbs("digest", locale) == []


def test_a_mailto_link_is_encoded_as_rfc_6068_says() -> None:
    href = mailto("sales+r1@crm.firma.test", "Päivä & yö? 100 %", "/call tomorrow\n\n")
    assert href == (
        "mailto:sales%2Br1@crm.firma.test?subject=P%C3%A4iv%C3%A4%20%26%20y%C3%B6%3F%20100%20%25"
        "&body=%2Fcall%20tomorrow%0D%0A%0D%0A"
    )
    assert len(mailto("a@b.test", "\U0001f6cb" * 500, "/won")) < 1_100


@pytest.mark.parametrize("sample", SAMPLES, ids=lambda s: f"{s.name}.{s.locale}")
def test_every_mail_is_small_dark_where_its_reader_is_and_says_the_same_in_its_twin(sample: Sample) -> None:
    mail = mail_of(sample)
    html = html_of(mail)
    assert size_of(html) < MOST_HTML
    if sample.name in ("customer_reply", "acknowledgement"):
        return
    tree = LexborHTMLParser(html)
    assert "prefers-color-scheme: dark" in html
    assert all(
        node.attributes.get("style") for node in tree.css("td, a.quiet, a.button") if node.attributes.get("class")
    )
    twin = mail.get_body(("plain",))
    assert twin is not None
    said = str(twin.get_content())
    for command in (body_of(href).strip() for _, href in links(html) if body_of(href).startswith("/")):
        assert command.split()[0] in said
    assert "<" not in re.sub(r"<[\w.+-]+@[\w.-]+>", "", said)
    assert "None" not in said


def test_every_template_is_among_the_samples() -> None:
    folders = {path.name for path in template_folder().iterdir() if path.is_dir()}
    assert folders == {kind.value for kind in NoticeKind} == {s.material.row.kind.value for s in SAMPLES}
