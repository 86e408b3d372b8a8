"""What reading a mail found, on the pages of its lead and of the mail itself, in both languages."""

from collections.abc import Iterator

import pytest
from sqlalchemy import select, update

from mailcrm.store.tables import inbound, user
from tests.website import Website, mail, running_website


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Website]:
    with running_website(tmp_path_factory.mktemp("found")) as running:
        yield running


def _pages(site: Website, raw: bytes, from_: str, locale: str = "en") -> tuple[str, str]:
    """The lead's page and the mail's, after this mail came."""
    inbound_id = site.receive(raw, from_)
    lead_id = site.rows(select(inbound.c.lead_id).where(inbound.c.id == inbound_id))[0].lead_id
    reader = site.client(locale=locale)
    return reader.get(f"/leads/{lead_id}"), reader.get(f"/inbound/{inbound_id}")


def test_a_borrowed_name_is_warned_of_on_both_pages(site: Website) -> None:
    name = site.rows(select(user.c.name).order_by(user.c.id))[0].name
    for locale, words in (
        ("en", f"CAREFUL: the name of {name}"),
        ("fi", f"VARO: nimi on meillä työskentelevän {name}"),
    ):
        raw = mail(f"{name} <{locale}@evil.test>", f"Urgent {locale}", f"Pay this, {locale}.")
        for page in _pages(site, raw, "x@evil.test", locale):
            assert words in page


def test_a_forms_fields_are_a_table_and_its_text_is_folded(site: Website) -> None:
    form = "Name: Fred Form\nEmail: fred@gmail.com\nPhone: 555 1234\nCompany: Form Ltd\nRoof area: 120 m2\nMessage: Please call.\n"
    lead, received = _pages(site, mail("Web <noreply@forms.test>", "Request", form), "noreply@forms.test")

    for page in (lead, received):
        assert "<dt>Roof area</dt><dd>120 m2</dd>" in page
    assert "The form as it was sent" in lead
    assert "From the form: Phone: 555 1234, Company: Form Ltd" in lead


def test_a_list_and_an_attached_mail_are_shown(site: Website) -> None:
    raw = (
        b"From: 'Ann Ant' via Group <group@lists.test>\nX-Original-From: Ann Ant <ann@ants.test>\nTo: sales@crm.test\n"
        b"Reply-To: Ann Ant <ann@ants.test>\nSubject: Old mail\nMessage-ID: <list1@lists.test>\nMIME-Version: 1.0\n"
        b"Content-Type: multipart/mixed; boundary=b\n\n--b\nContent-Type: text/plain\n\nSee below.\n--b\n"
        b"Content-Type: message/rfc822\n\nFrom: Dan <dan@x.test>\nSubject: Broken <pumps>\n"
        b"Date: Mon, 02 Mar 2026 08:00:00 +0200\n\n"
        b"Three pumps & a hose.\n--b--\n"
    )
    lead, received = _pages(site, raw, "group@lists.test")

    for page in (lead, received):
        assert "its field X-Original-From names ann@ants.test" in page
        assert "Attached mail: Broken &lt;pumps&gt;" in page
        assert "Dan &lt;dan@x.test&gt; · Mon, 02 Mar 2026 08:00:00 +0200" in page
        assert "Three pumps &amp; a hose." in page


def test_a_mail_kept_before_there_were_findings_is_shown(site: Website) -> None:
    inbound_id = site.receive(mail("Old <old@x.test>", "Before", "Hello."), "old@x.test")
    site.write(lambda session: session.execute(update(inbound).where(inbound.c.id == inbound_id).values(findings={})))

    assert "Hello." in site.client().get(f"/inbound/{inbound_id}")


def _calendar(method: str, start: str, sequence: int) -> bytes:
    return (
        f"From: Nora North <nora@north.test>\nTo: sales@crm.test\nSubject: Visit\nMessage-ID: <{method}{sequence}@north.test>\n"
        f"Content-Type: text/calendar; method={method}; charset=utf-8\n\nBEGIN:VCALENDAR\nMETHOD:{method}\nBEGIN:VEVENT\nUID:v1\n"
        f"SEQUENCE:{sequence}\nDTSTART:{start}\nSUMMARY:Site visit\nLOCATION:Room 5\n"
        "ORGANIZER;CN=Nora North:mailto:nora@north.test\n"
        "RRULE:FREQ=MONTHLY\nEND:VEVENT\nEND:VCALENDAR\n"
    ).encode()


def test_a_meeting_is_shown_with_time_place_and_organiser_and_what_became_of_it(site: Website) -> None:
    lead, received = _pages(site, _calendar("REQUEST", "20301224T100000Z", 0), "nora@north.test")
    for page in (lead, received):
        assert "Invitation: Site visit, 24 Dec 2030, 12:00, Room 5, every month; organiser Nora North" in page
    assert "Room 5 · every month · organiser Nora North" in lead

    lead, _ = _pages(site, _calendar("REQUEST", "20301230T080000Z", 1), "nora@north.test", "fi")
    assert "Tapaaminen siirtyi: Site visit, 24.12.2030 klo 12.00 → 30.12.2030 klo 10.00" in lead

    lead, _ = _pages(site, _calendar("CANCEL", "20301230T080000Z", 2), "nora@north.test", "en")
    assert "Meeting cancelled: Site visit" in lead
    assert "Room 5 · every month" not in lead
