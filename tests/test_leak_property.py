"""Whatever people do, in whatever order: no note, card, staff address, foreign token or notice reaches an outside address."""

import shutil
from collections import Counter
from datetime import UTC, datetime
from email.message import EmailMessage
from pathlib import Path

import pytest
from sqlalchemy import select, update

from mailcrm import triage
from mailcrm.address import read_token
from mailcrm.crm.done import Refused
from mailcrm.mail import Intent
from mailcrm.store.tables import inbound, outbox, outbox_recipient
from tests.daemon_house import DOMAIN, SALES, mail
from tests.leak_world import CANARY, Eye, World, everything, world
from tests.smtp_peer import CaughtMail, SmtpSink

SEEDS = (1, 2, 3, 4, 5, 6, 7, 14, 18)
STEPS = 60
_seen: Counter[str] = Counter()


@pytest.fixture
def furnished(tmp_path: Path, request: pytest.FixtureRequest) -> Path:
    return Path(shutil.copytree(request.getfixturevalue("_furnished_folder"), tmp_path / "house"))


@pytest.mark.parametrize("seed", SEEDS)
def test_nothing_from_inside_reaches_the_outside(furnished: Path, smtp_sink: SmtpSink, seed: int) -> None:
    with world(furnished, smtp_sink, seed) as alive:
        for number in range(STEPS):
            assert alive.step() == [], f"seed {seed}, step {number}; {_story(alive)}"
        _seen.update(alive.count)


def _story(alive: World) -> str:
    last = alive.sink.mails[-1] if alive.sink.mails else None
    return f"{dict(alive.count)}\n{last.raw.decode('utf-8', 'replace') if last else ''}"


def test_the_steps_of_all_seeds_together_did_what_they_were_for() -> None:
    """Runs after the others: mail did leave, and everything that was tried was tried."""
    if not _seen:
        pytest.skip("asked for alone: the steps were not taken")
    assert _seen["left for the outside"] > 30
    assert _seen["decided"] > 5
    assert _seen["refused"] > 0
    assert _seen["staff commands"] > 10
    assert _seen["left formatted"] > 5
    assert _seen["said: decide"] > 0
    assert _seen["said: undo"] > 0


# --- the eye sees -------------------------------------------------------------------------------------------------------

OWN, OTHER = f"raaaaaaaaaaaaaaaaaaaaaaaaae@{DOMAIN}", f"raaaaaaaaaaaaaaaaaaaaaaaaai@{DOMAIN}"


def letter(text: str = "We do.", **headers: str) -> EmailMessage:
    made = EmailMessage()
    made["From"], made["To"], made["Reply-To"] = f"Sales <sales@{DOMAIN}>", "carol@acme.example", OWN
    made["Message-ID"] = "<1@crm.firma.test>"
    for name, value in headers.items():
        made[name] = value
    made.set_content(text, cte="base64")
    return made


def seen(made: EmailMessage, *to: str) -> list[str]:
    eye = Eye({OWN: "1@crm.firma.test", OTHER: "2@crm.firma.test"}.get, {"notice@crm.firma.test"})
    return eye.leaks(
        CaughtMail("b1.x@crm.firma.test", to or ("carol@acme.example",), made.as_bytes(), datetime.now(UTC))
    )


def test_the_eye_finds_nothing_in_a_mail_that_may_leave() -> None:
    assert seen(letter()) == []
    assert seen(letter("canary77"), "alice@firma.test") == []


@pytest.mark.parametrize(
    "text",
    [
        "> it says canary77 there",
        "> ca<b></b>nary77",
        "Value 1 333 777 euros",
        "> Stage: Assigned",
        "alice@firma.test",
        "https://crm-page.firma.test/leads/1",
        "/won 12000",
        "Hi\n/hävitty liian kallis",
        f"write to {OTHER}",
        "as in <notice@crm.firma.test>",
    ],
)
def test_the_eye_finds_a_leak_in_the_text(text: str) -> None:
    assert seen(letter(text))


@pytest.mark.parametrize(
    "page",
    [
        '<p title="canary77">x</p>',
        '<a href="https://x.example/?q=can%61ry77">x</a>',
        '<a href="https://x.example/?q=can%2561ry77">x</a>',
        "<p>can&#97;ry77</p>",
        '<p title="can&#97;ry77">x</p>',
        "<p>can\u200bary77</p>",
        "<p>can<b>ary</b>77</p>",
        "<!-- canary77 -->",
        "<div>/won 5</div>",
    ],
)
def test_the_eye_finds_a_leak_in_every_place_of_html(page: str) -> None:
    made = letter("x")
    made.add_alternative(page, subtype="html")
    assert seen(made)


def test_the_eye_finds_a_leak_in_a_header_an_encoded_name_and_a_mail_in_a_file() -> None:
    assert seen(letter(References="<notice@crm.firma.test>"))
    assert seen(letter(Subject="ä canary77 ä"))
    assert seen(letter(Cc="alice@firma.test"))
    named, attached, wide = letter(), letter(), letter()
    named.add_attachment(b"x", maintype="application", subtype="pdf", filename="ä canary77.pdf")
    attached.add_attachment(
        letter("canary77").as_bytes(), maintype="application", subtype="octet-stream", filename="a.eml"
    )
    wide.add_attachment("canary77".encode("utf-16"), maintype="application", subtype="x", filename="a")
    assert seen(named)
    assert seen(attached)
    assert seen(wide)


def test_the_canaries_are_in_every_stretch_of_a_note_that_is_copied(furnished: Path, smtp_sink: SmtpSink) -> None:
    with world(furnished, smtp_sink, 1) as alive:
        note = alive.secret()
    assert all(CANARY.search(note[start : start + 40]) for start in range(len(note) - 40))


def test_a_leak_in_what_the_deliverer_sends_fails_the_test(furnished: Path, smtp_sink: SmtpSink) -> None:
    """The way of the property test itself, with a mail that somebody planted in the outbox."""
    with world(furnished, smtp_sink, 1) as alive:
        while not alive.letters():
            alive.step()
        with alive.base.store.writer.begin() as session:
            row = session.execute(select(outbox.c.id, outbox.c.bytes).where(outbox.c.user_id.is_(None))).first()
            assert row is not None
            planted = row.bytes.replace(b"\r\n\r\n", b"\r\nX-Note: canary77\r\n\r\n", 1)
            values = {"bytes": planted, "state": "queued", "next_attempt_at": alive.clock()}
            session.execute(update(outbox).where(outbox.c.id == row.id).values(values))
            session.execute(
                update(outbox_recipient).where(outbox_recipient.c.outbox_id == row.id).values(state="queued")
            )
        alive.settle()
        assert any("canary" in leak for leak in alive.new_leaks())
        assert any("canary77" in text for text in everything(planted))


def test_a_held_mail_to_the_address_for_notes_is_not_sent_by_anybody(furnished: Path, smtp_sink: SmtpSink) -> None:
    with world(furnished, smtp_sink, 1) as alive:
        alive.put(mail("carol@acme.example", SALES, "Pumps", "What does a pump cost?"), [SALES])
        alive.settle()
        said = alive.notices()[0].parsed().get_body(("plain",))
        addresses = [word.strip("<>") for word in str(said.get_content() if said else "").split() if DOMAIN in word]
        [address] = [a for a in addresses if (claim := read_token(a)) and claim.intent is Intent.NOTE]
        alive.put(mail("alice@firma.test", address, "Re: Pumps", "They pay whatever we ask."), [address])
        alive.settle()
        with alive.base.store.read() as session:
            held = session.execute(select(inbound.c.id).where(inbound.c.state == "held")).scalar_one()
        with pytest.raises(Refused):
            triage.send(alive.base.desk(), held, alive.people["mona"])
        assert alive.letters() == []
