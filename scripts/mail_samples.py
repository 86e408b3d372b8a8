"""Every kind of mail that leaves, as it would leave, in both languages: `python -m scripts.mail_samples OUT [--shots]`.

Writes OUT/<name>.<locale>.{html,txt,eml} and an index; with ``--shots`` also a picture of each in Chromium, on a phone of 360 px
and on a desktop, light and dark. Made by ``compose`` from values alone: no database, no network, nothing leaves.
To be looked at after every change of a template.
"""

import base64
import re
import struct
import sys
import zlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from email import message_from_bytes, policy
from email.message import EmailMessage
from pathlib import Path
from typing import Any

from playwright.sync_api import Browser, sync_playwright

from mailcrm import config
from mailcrm.findings import Findings
from mailcrm.mail import Address, Hint, HintKind, NoticeKind, Reason
from mailcrm.notify.compose import compose
from mailcrm.notify.digest_content import Content, Item, Section, TeamLine
from mailcrm.notify.files import File
from mailcrm.notify.letterhead import Letterhead, letterhead
from mailcrm.notify.material import (
    Arrived,
    Card,
    KeptMail,
    Material,
    NextActivity,
    OtherLead,
    Reader,
    Shown,
    Undelivered,
    Written,
)
from mailcrm.notify.outbox import Outgoing, Recipient
from mailcrm.notify.people import Outside
from mailcrm.notify.render import Templates
from mailcrm.store.keyring import Keyring

NOW = datetime(2026, 11, 24, 7, 30, tzinfo=UTC)
_SIZES = {"phone": (360, 740), "desk": (1000, 760)}
_READERS = {
    "en": Reader(1, "Alice Aalto", "alice@firma.test", "en", "Europe/Helsinki"),
    "fi": Reader(1, "Aino Aalto", "aino@firma.test", "fi", "Europe/Helsinki"),
}
_BOB = Reader(2, "Bob Berg", "bob@firma.test", "en", "Europe/Helsinki")
_CAROL = Address("Carol Customer", "carol@acme.example")
_WORDS = {
    "en": "Hello,\n\nthank you for the call this morning. We would like to order twenty of the chairs you showed us, in grey, "
    "and two tables to go with them: https://acme.example/rooms/lobby?floor=2&wing=east\n\nCould you deliver before Christmas, "
    "and what would that cost with assembly?\n\nBest regards\nCarol Customer\nAcme Oy",
    "fi": "Hei,\n\nkiitos aamuisesta puhelusta. Tilaisimme kaksikymmentä näyttämäänne tuolia harmaana, ja kaksi pöytää niiden "
    "kanssa: https://acme.example/tilat/aula?kerros=2&siipi=ita\n\nEhtisikö toimitus ennen joulua, ja paljonko se maksaisi "
    "koottuna?\n\nYstävällisin terveisin\nCarol Customer\nAcme Oy",
}
_SUBJECTS = {"en": "Twenty grey chairs before Christmas", "fi": "Kaksikymmentä harmaata tuolia ennen joulua"}


@dataclass(frozen=True)
class Sample:
    """One mail: its name, what it is made of."""

    name: str
    locale: str
    material: Material

    def composed(self, head: Letterhead, templates: Templates) -> bytes:
        return compose(self.material, head, templates, NOW).raw


def head_of_samples() -> Letterhead:
    settings = {
        "company": {"name": "Firma Oy", "locale": "fi"},
        "mail": {"domains": ["crm.firma.test"]},
        "web": {"public_url": "https://crm.firma.test"},
    }
    return letterhead(config.from_mapping(settings, Path()), Keyring({1: b"k" * 32}, 1))


def samples() -> Iterator[Sample]:
    """Every kind, in each of its forms that look different, in both languages."""
    for locale in _READERS:
        for name, material in _of_locale(locale):
            yield Sample(name, locale, material)


# --- what they are made of ----------------------------------------------------------------------------------------------


def _row(kind: NoticeKind, locale: str, *, lead: bool = True, **params: Any) -> Outgoing:
    reader = _READERS[locale]
    is_outside = kind in (NoticeKind.CUSTOMER_REPLY, NoticeKind.ACKNOWLEDGEMENT)
    to = _CAROL if is_outside else Address(reader.name, reader.address)
    return Outgoing(
        id=41,
        kind=kind,
        dedupe_key="",
        message_id=f"{kind.value}@crm.firma.test",
        reply_nonce=bytes(16),
        lead_id=12 if lead else None,
        message_row_id=7,
        inbound_id=9,
        user_id=None if is_outside else reader.id,
        actor_user_id=None,
        params={"why": "owner", **params},
        bytes=None,
        attempts=1,
        created_at=NOW,
        first_attempt_at=NOW,
        late_told_at=None,
        recipients=(Recipient(1, to.address, to.name, "to", "queued"),),
    )


def _card(locale: str, **more: Any) -> Card:
    values: dict[str, Any] = {
        "id": 12,
        "title": _SUBJECTS[locale],
        "base_subject": _SUBJECTS[locale],
        "partner_name": "Carol Customer",
        "company_name": "Acme Oy",
        "language": locale,
        "stages": {"en": "Quote sent", "fi": "Tarjous lähetetty"},
        "value": Decimal("12000"),
        "currency": "EUR",
        "priority": 2,
        "owner_name": _READERS[locale].name,
        "sales_address": "sales@crm.firma.test",
        "next_activity": NextActivity("call", "price of assembly", date(2026, 11, 27), _READERS[locale].name),
        "others": (OtherLead(8, "Meeting room tables", {"en": "Contacted", "fi": "Kontaktoitu"}),),
    }
    return Card(**{**values, **more})


def _shown(locale: str, kind: str = "email_in", text: str = "", **more: Any) -> Shown:
    values: dict[str, Any] = {
        "id": 7,
        "kind": kind,
        "author": _CAROL if kind == "email_in" else Address(_BOB.name, _BOB.address),
        "author_user_id": None if kind == "email_in" else _BOB.id,
        "subject": _SUBJECTS[locale],
        "new_text": text or _WORDS[locale],
        "text": text or _WORDS[locale],
        "at": NOW - timedelta(minutes=4),
        "cc": (),
        "message_id": "first@acme.example",
        "reference_ids": (),
        "event": "",
    }
    return Shown(**{**values, **more})


def _on_lead(kind: NoticeKind, locale: str, message: Shown | None = None, **params: Any) -> Material:
    return Material(
        row=_row(kind, locale, **params),
        card=_card(locale),
        message=message,
        outside=Outside(_CAROL, (Address("Dave Dreyer", "dave@acme.example"),)),
        reader=_READERS[locale],
    )


def _of_locale(locale: str) -> Iterator[tuple[str, Material]]:
    yield from _customers_mails(locale)
    yield from _of_colleagues(locale)
    yield from _of_the_lead(locale)
    yield from _of_the_house(locale)


def _customers_mails(locale: str) -> Iterator[tuple[str, Material]]:
    new = _on_lead(NoticeKind.MESSAGE, locale, _shown(locale), is_new_lead=True)
    yield "message_new_lead", replace(new, card=_card(locale, next_activity=None, value=None, priority=0))
    nobodys = _on_lead(NoticeKind.MESSAGE, locale, _shown(locale), is_new_lead=True, why="team")
    yield "message_nobodys", replace(nobodys, card=_card(locale, next_activity=None, value=None, owner_name=""))
    yield "message_reply", _on_lead(NoticeKind.MESSAGE, locale, _with_files(locale), why="owner")
    yield "message_pictures", _with_pictures(locale)
    yield "message_burst", _burst(locale)
    yield "batch", _list(locale)
    yield "message_long", _on_lead(NoticeKind.MESSAGE, locale, _shown(locale, text=f"{_WORDS[locale]}\n\n" * 200))
    stranger = Address("Carol Customer", "carol@acme-example.test")
    found = Findings(
        hints=(Hint(HintKind.NAME_OF_PARTNER, "carol@acme-example.test", "carol@acme.example", "Carol Customer"),)
    )
    message = _shown(locale, author=stranger, is_unconfirmed=True, is_guess=True, found=found)
    yield "message_new_person", _on_lead(NoticeKind.MESSAGE, locale, message, is_unconfirmed=True)
    answer = _shown(locale, "email_out", _answer(locale))
    sent = _on_lead(NoticeKind.CUSTOMER_REPLY, locale, answer)
    yield "customer_reply", replace(sent, answered=_shown(locale), actor=_BOB, reader=None)
    arrived = _on_lead(NoticeKind.ACKNOWLEDGEMENT, locale, _shown(locale), detail=locale)
    yield "acknowledgement", replace(arrived, reader=None)


def _burst(locale: str) -> Material:
    """Three mails of a customer in a row."""
    texts = {"en": ("And two tables?", "Grey, please."), "fi": ("Entä kaksi pöytää?", "Harmaana, kiitos.")}[locale]
    earlier = tuple(
        _on_lead(NoticeKind.MESSAGE, locale, _shown(locale, text=text)) for text in (_WORDS[locale], texts[0])
    )
    return replace(_on_lead(NoticeKind.MESSAGE, locale, _shown(locale, text=texts[1])), earlier=earlier)


def _list(locale: str) -> Material:
    """Mail on two leads, and a note on one of them."""
    note = replace(_on_lead(NoticeKind.NOTE, locale, _shown(locale, "note", "11 500 €"), why="mentioned"), actor=_BOB)
    first = _on_lead(NoticeKind.MESSAGE, locale, _shown(locale), is_new_lead=True)
    other = _on_lead(NoticeKind.MESSAGE, locale, _shown(locale, text="Hello? Anybody there?"))
    other = replace(other, card=_card(locale, id=8, title="Meeting room tables", base_subject="Meeting room tables"),
                    row=replace(other.row, lead_id=8))  # fmt: skip
    gathered = replace(_row(NoticeKind.BATCH, locale, lead=False, why="gathered"), message_row_id=None)
    return Material(gathered, reader=_READERS[locale], earlier=(first, other, note))


def _answer(locale: str) -> str:
    return {
        "en": "Hi Carol,\n\ntwenty grey chairs with assembly: 4 200 €, delivered on 18 December.\n\nBob",
        "fi": "Hei Carol,\n\nkaksikymmentä harmaata tuolia koottuna: 4 200 €, toimitus 18.12.\n\nBob",
    }[locale]


def _with_files(locale: str) -> Shown:
    names = ("Floor plan, second floor.pdf", "invoice.exe", "Video of the lobby.mp4")
    sizes = (245_000, 90_000, 48_000_000)
    files = tuple(File(i, name, "application/pdf", size, "", is_inline=False)
                  for i, (name, size) in enumerate(zip(names, sizes, strict=True), start=1))  # fmt: skip
    return _shown(locale, files=files)


def _with_pictures(locale: str) -> Material:
    text = f"{_WORDS[locale]}\n\n[cid:lobby@acme]"
    files = (File(1, "lobby.png", "image/png", 9_000, "", is_inline=True, content_id="lobby@acme"),)
    material = _on_lead(NoticeKind.MESSAGE, locale, _shown(locale, text=text, files=files))
    return replace(material, contents={1: _picture(800, 300)})


def _picture(width: int, height: int) -> bytes:
    """A plain picture: stripes."""

    def chunk(name: bytes, content: bytes) -> bytes:
        return struct.pack(">I", len(content)) + name + content + struct.pack(">I", zlib.crc32(name + content))

    row = b"".join(bytes((60 + 40 * (x // 100 % 3), 110, 160)) for x in range(width))
    head = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    body = zlib.compress((b"\0" + row) * height)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", head) + chunk(b"IDAT", body) + chunk(b"IEND", b"")


def _of_colleagues(locale: str) -> Iterator[tuple[str, Material]]:
    text = {"en": "@Alice, go no lower than 11 500 €.", "fi": "@Aino, älä mene alle 11 500 €."}[locale]
    note = _on_lead(NoticeKind.NOTE, locale, _shown(locale, "note", text), why="mentioned")
    yield "note", replace(note, actor=_BOB)
    sent = _on_lead(NoticeKind.SENT, locale, _shown(locale, "email_out", _answer(locale)), why="follower")
    yield "sent", replace(sent, actor=_BOB)
    yield "assigned", replace(_on_lead(NoticeKind.ASSIGNED, locale), actor=_BOB)
    away = _row(NoticeKind.ABSENCE, locale, lead=False, why="manager", detail="2026-12-04", deputy="Erin Ek")
    yield "absence", Material(away, reader=_READERS[locale], actor=_BOB)
    away = _row(NoticeKind.ABSENCE, locale, lead=False, why="away", detail="2026-12-04", deputy="")
    yield "absence_own", Material(away, reader=_READERS[locale], actor=_READERS[locale])


def _of_the_lead(locale: str) -> Iterator[tuple[str, Material]]:
    said = "550 5.1.1 no such user"
    failed = _on_lead(
        NoticeKind.FAILED,
        locale,
        _shown(locale, "email_out", _answer(locale)),
        event="message_failed",
        detail=f"carol@acme.example: {said}",
        why="writer",
    )
    yield "failed", replace(failed, undelivered=Undelivered("", ((_CAROL.address, said),)))
    due = NOW + timedelta(minutes=15)
    named = ("call", due.isoformat(), "price of assembly")
    yield "reminder", _on_lead(NoticeKind.REMINDER, locale, activity=named, why="reminded")
    changes = [
        {"what": "value", "amount": "12000", "currency": "EUR"},
        {"what": "planned", "type": "call", "day": "2026-11-27", "at": "", "summary": "price of assembly"},
        {"what": "sent", "to": "Carol Customer <carol@acme.example>"},
    ]
    yield "receipt", _on_lead(NoticeKind.RECEIPT, locale, changes=changes, run_id=3)
    fault = {"what": "fault", "line": "/wom 12000", "why": "unknown", "detail": "won"}
    unclear = _on_lead(
        NoticeKind.HELD, locale, changes=[fault], reason=Reason.COMMAND_NOT_UNDERSTOOD.value, why="writer"
    )
    yield "held_command", replace(unclear, arrived=_arrived(locale, "/wom 12000\n\nHi Carol, 4 200 €."))
    later = {"user_id": None, "name": "Carol Customer", "at": (NOW - timedelta(minutes=9)).isoformat(), "text": "Wait!"}
    yield "held_late", replace(_on_lead(NoticeKind.HELD, locale, later=later), arrived=_arrived(locale, "4 200 €."))
    yield "history", _history(locale)


def _arrived(locale: str, text: str) -> Arrived:
    return Arrived(9, _as_address(_READERS[locale]), f"Re: {_SUBJECTS[locale]}", NOW, text)


def _as_address(reader: Reader) -> Address:
    return Address(reader.name, reader.address)


def _history(locale: str) -> Material:
    written = (
        Written(NOW - timedelta(days=3), "Carol Customer", "email_in", _WORDS[locale]),
        Written(NOW - timedelta(days=2), "Bob Berg", "note", "11 500 €"),
        Written(NOW - timedelta(days=1), "Bob Berg", "email_out", _answer(locale)),
    )
    kept = KeptMail(NOW, "Carol Customer", "email_in", 9, b"From: x\r\n")
    return replace(_on_lead(NoticeKind.HISTORY, locale), written=written, mails=(kept,))


def _of_the_house(locale: str) -> Iterator[tuple[str, Material]]:
    reader = _READERS[locale]
    stranger = Arrived(9, Address("", "mailer@elsewhere.test"), "Delivery problems", NOW, "Your server is slow.")
    admin = _row(NoticeKind.ADMIN, locale, lead=False, why="admin")
    yield "admin", Material(admin, reader=reader, arrived=stranger)
    loop = _row(NoticeKind.LOOP, locale, lead=False, why="manager", detail="robot@elsewhere.test")
    yield "loop", Material(loop, reader=reader, arrived=stranger)
    claimed = _row(
        NoticeKind.ADDRESS, locale, lead=False, event="address_claimed", detail="alice@home.example", why="writer"
    )
    yield "address", Material(claimed, reader=reader)
    row = _row(NoticeKind.DIGEST, locale, lead=False, digest=_digest(locale).as_json(), why="digest")
    yield "digest", Material(row, reader=reader)
    answered = _row(NoticeKind.RECEIPT, locale, lead=False, outbox_id=41, run_id=3, changes=_answered(locale))
    arrived = Arrived(9, Address(reader.name, reader.address), f"Re: {_DIGESTS[locale][0]}", NOW, "1 done")
    yield "digest_receipt", Material(answered, reader=reader, arrived=arrived)


def _answered(locale: str) -> list[dict[str, str]]:
    done, doen = {"en": ("done", "doen"), "fi": ("tehty", "tehyt")}[locale]
    return [
        {"what": "done", "type": "call", "summary": "", "item": "1", "about": "Carol Customer"},
        {
            "what": "snoozed",
            "type": "todo",
            "summary": "",
            "day": "2026-11-26",
            "at": "",
            "item": "2",
            "about": "Acme Oy",
        },
        {"what": "stage", "en": "Won", "fi": "Voitettu", "item": "6", "about": "Greta Grahn"},
        {"what": "fault", "line": f"3 {doen} (Dave Dreyer)", "why": "unknown", "detail": done},
    ]


_DIGESTS = {
    "en": (
        "Your day 24 Nov 2026 · 2 overdue · 1 customer waits",
        (
            ("overdue", "Overdue", (
                ("activity", "Call: ask after the quote – Carol Customer",
                 "3 days late · 21 Nov 2026 · Quote for 40 chairs · €12,000",
                 "“Could you deliver before Christmas, and what would that cost with assembly?”"),
                ("activity", "To do: send fabric samples – Acme Oy", "1 day late · 23 Nov 2026 · Meeting room tables", ""))),
            ("today", "Today", (("activity", "Meeting – Dave Dreyer", "14:30 · New lobby · €48,000", "“See you on Tuesday.”"),)),
            ("mentions", "You were mentioned", (
                ("mention", "Bob Berg: @Alice do we have these in stock?", "Erin Ek: Spare parts", "“We need ten of them.”"),)),
            ("waiting", "Customers waiting for your answer", (
                ("waiting", "Frank Fischer", "waiting for 14 working hours · Chairs for a school", "Next: Call, 25 Nov 2026"),)),
            ("idle", "Leads with nothing planned", (("idle", "Greta Grahn", "Canteen · Quote sent · €7,500", ""),)),
            ("held", "Held mail: decide what becomes of it", (
                ("inbound", "Re: Chairs for a school", "Alice Aalto · 23 Nov 2026, 16:02",
                 "Nothing proves that a colleague wrote it"),)),
            ("bounced", "Mails that did not arrive", (
                ("bounce", "Henri Hall: Desks", "henri@hall.example: there is no such address", ""),)),
        ),
        "12 mails were put on the quiet list since yesterday",
    ),
    "fi": (
        "Päiväsi 24.11.2026 · 2 myöhässä · 1 asiakas odottaa",
        (
            ("overdue", "Myöhässä", (
                ("activity", "Puhelu: kysy tarjouksesta – Carol Customer",
                 "3 päivää myöhässä · 21.11.2026 · Tarjous 40 tuolista · 12 000 €",
                 "”Voisitteko toimittaa ennen joulua, ja mitä se maksaisi asennettuna?”"),
                ("activity", "Tehtävä: lähetä kangasnäytteet – Acme Oy",
                 "1 päivän myöhässä · 23.11.2026 · Neuvotteluhuoneen pöydät", ""))),
            ("today", "Tänään", (("activity", "Tapaaminen – Dave Dreyer", "14.30 · Uusi aula · 48 000 €",
                 "”Nähdään tiistaina.”"),)),
            ("mentions", "Sinut mainittiin", (
                ("mention", "Bob Berg: @Aino onko näitä varastossa?", "Erin Ek: Varaosat", "”Tarvitsemme kymmenen.”"),)),
            ("waiting", "Asiakkaat odottavat vastaustasi", (
                ("waiting", "Frank Fischer", "odottanut 14 työtuntia · Koulun tuolit", "Seuraavaksi: Puhelu, 25.11.2026"),)),
            ("idle", "Liidit, joille ei ole suunniteltu mitään", (("idle", "Greta Grahn", "Ruokala · 7 500 €", ""),)),
            ("held", "Pysäytetyt viestit: päätä, mitä niille tehdään", (
                ("inbound", "Vs: Koulun tuolit", "Aino Aalto · 23.11.2026 klo 16.02",
                 "Mikään ei todista, että työtoveri kirjoitti sen"),)),
            ("bounced", "Viestit, jotka eivät menneet perille", (
                ("bounce", "Henri Hall: Työpöydät", "henri@hall.example: osoitetta ei ole", ""),)),
        ),
        "12 viestiä on siirretty hiljaisten listalle eilisen jälkeen",
    ),
}  # fmt: skip


def _digest(locale: str) -> Content:
    subject, told, quiet = _DIGESTS[locale]
    numbers = iter(range(1, 100))
    sections = tuple(
        Section(
            key=key,
            title=title,
            items=tuple(
                Item(what, detail, "/leads/12", kind, 12, next(numbers), context=context)
                for kind, what, detail, context in items
            ),
            total=len(items),
            path="/activities",
            is_late=key in ("overdue", "waiting", "bounced"),
        )
        for key, title, items in told
    )
    team = (TeamLine("Bob Berg", "/?owner=2", 12, 3, 2, "48 000 €"), TeamLine("Erin Ek", "/?owner=3", 9, 0, 1, ""))
    return Content(subject, sections, team, quiet=quiet)


# --- written and looked at ----------------------------------------------------------------------------------------------


def write(folder: Path) -> list[Path]:
    """All samples as files; the HTML ones."""
    folder.mkdir(parents=True, exist_ok=True)
    head, templates = head_of_samples(), Templates()
    made = []
    for sample in samples():
        raw = sample.composed(head, templates)
        path = folder / f"{sample.name}.{sample.locale}.html"
        mail = message_from_bytes(raw, policy=policy.default)
        path.with_suffix(".eml").write_bytes(raw)
        path.with_suffix(".txt").write_text(_header(mail) + _part(mail, "plain"), "utf-8")
        path.write_text(_with_pictures_inside(mail), "utf-8")
        made.append(path)
    links = "\n".join(f'<li><a href="{path.name}">{path.stem}</a>' for path in made)
    (folder / "index.html").write_text(f"<!DOCTYPE html><meta charset=utf-8><ul>{links}</ul>", "utf-8")
    return made


def _header(mail: EmailMessage) -> str:
    return "".join(f"{name}: {mail[name]}\n" for name in ("From", "To", "Reply-To", "Subject")) + "\n"


def _part(mail: EmailMessage, kind: str) -> str:
    part = mail.get_body((kind,))
    return str(part.get_content()) if part else ""


def _with_pictures_inside(mail: EmailMessage) -> str:
    """The HTML with its related parts as data, as a browser needs them."""
    pictures = {str(part["Content-ID"]).strip("<>"): part for part in mail.walk() if part["Content-ID"]}

    def data(found: re.Match[str]) -> str:
        content = pictures[found[1]].get_payload(decode=True)
        return f"data:image/png;base64,{base64.b64encode(content if isinstance(content, bytes) else b'').decode()}"

    return re.sub(r"cid:([^\"']+)", data, _part(mail, "html"))


def shoot(paths: Sequence[Path]) -> None:
    """A picture of each, phone and desktop, light and dark, beside the file; says which is wider than its window."""
    with sync_playwright() as play:
        browser = play.chromium.launch(executable_path="/usr/bin/chromium", args=["--no-sandbox", "--disable-gpu"])
        for place, (width, height) in _SIZES.items():
            for light in ("light", "dark"):
                _shoot_all(browser, paths, place, width, height, light)
        browser.close()


def _shoot_all(browser: Browser, paths: Sequence[Path], place: str, width: int, height: int, light: str) -> None:
    scheme: Any = light
    context = browser.new_context(viewport={"width": width, "height": height}, color_scheme=scheme)
    page = context.new_page()
    for path in paths:
        page.set_content(path.read_text("utf-8"))
        page.screenshot(path=path.with_suffix(f".{place}.{light}.png"), full_page=True)
        if page.evaluate("document.documentElement.scrollWidth") > width:
            print(f"{path.name} is wider than a {place}")
    context.close()


def main(arguments: Sequence[str]) -> int:
    if not arguments:
        print(__doc__)
        return 2
    paths = write(Path(arguments[0]))
    print(f"{len(paths)} mails in {arguments[0]}")
    if "--shots" in arguments[1:]:
        shoot(paths)
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
