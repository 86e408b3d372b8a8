"""People who write, answer, forward, forget and attack, in any order; and a sharp eye on everything that leaves for the outside.

Mail goes through the real spool, worker, deliverer and an SMTP sink, in this process and without waiting. What is secret is full
of canary words: every stretch of a note that is long enough to be copied and not retyped holds one.
"""

import email.policy
import html
import random
import re
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import timedelta
from decimal import Decimal
from email.message import EmailMessage
from functools import cache
from pathlib import Path
from urllib.parse import quote, unquote

from sqlalchemy import select

from mailcrm import app, triage
from mailcrm.address import read_token
from mailcrm.commands.words import VERBS
from mailcrm.crm.activities import NewActivity, schedule
from mailcrm.crm.call import Call
from mailcrm.crm.done import Refused
from mailcrm.crm.leads import set_fields
from mailcrm.crm.writing import write_note, write_to_customer
from mailcrm.mail import Door, Envelope
from mailcrm.marker import MARKER
from mailcrm.notify.deliver import Deliverer, deliver_settings, relay_settings
from mailcrm.notify.outbox import release
from mailcrm.notify.relay import SmtpRelay
from mailcrm.pipeline import Worker
from mailcrm.reader import reader
from mailcrm.store.tables import activity, inbound, lead, message, outbox
from tests.daemon_house import DOMAIN, EXPORT, PROOF, SALES, Clock, _furnished, address_in, house_config, mail, proven
from tests.smtp_peer import CaughtMail, SmtpSink
from tests.test_pictures import chunk, png

STAFF = ("alice", "bob", "erin", "otto")
OUTSIDE = ("carol@acme.example", "dave@acme.example", "carl@gmail.com", "mallory@evil.example")
PAGE = "crm-page.firma.test"
CANARY = re.compile(r"canary\d+", re.IGNORECASE)
VALUE = Decimal("1333777")
SHORTEST_SECRET = 16  # characters, as in notify.leak
_SECRETS = {
    "a canary of a note or a card": CANARY,
    "a command": re.compile(
        r"(?m)^\s*/ ?(?:" + "|".join(sorted(VERBS, key=len, reverse=True)).replace("?", r"\?") + r")\b"
    ),
    "the value on the card": re.compile(r"1\D?333\D?777"),
    "a line of the card": re.compile(r"(?mi)^[\s>*]*(stage|vaihe|lead \d+|liidi \d+|also open|myös auki): ?\S"),
    "an address of staff": re.compile(r"[\w.+-]+@firma\.test", re.IGNORECASE),
    "our page": re.compile(re.escape(PAGE), re.IGNORECASE),
    "the marker of a notice": re.compile(r"reply above this line|vastaa tämän rivin yläpuolelle", re.IGNORECASE),
}
_LOCAL_PART = re.compile(r"[\w.+-]+@" + re.escape(DOMAIN), re.IGNORECASE)


# --- the eye ------------------------------------------------------------------------------------------------------------


def everything(raw: bytes) -> Iterator[str]:
    """All a recipient can get out of a mail: raw, decoded, without tags, each header, each name; mails inside mails too."""
    yield raw.decode("utf-8", "replace")
    made = email.message_from_bytes(raw, policy=email.policy.default)
    for part in made.walk():
        yield from (f"{name}: {value}" for name, value in part.items())
        yield part.get_filename() or ""
        content = part.get_payload(decode=True)
        if isinstance(content, bytes):
            for charset in ("utf-8", "utf-16-le", "utf-16-be"):
                text = content.decode(charset, "replace")
                yield text
                yield html.unescape(re.sub(r"<[^>]*>", "", text))
                if part.get_content_maintype() == "text" and charset == "utf-8":
                    yield from _as_programs_read(text)
            if part is not made and re.match(rb"[A-Za-z-]+: ", content):
                yield from everything(content)


def _as_programs_read(text: str) -> Iterator[str]:
    """Attributes with their entities, links with their escapes, words without letters that nobody sees."""
    whole = html.unescape(text)
    yield whole
    yield unquote(unquote(whole))
    yield re.sub(r"[\xad\u200b-\u200f\u202a-\u202e\u2060-\u2064\ufeff]", "", re.sub(r"<[^>]*>", "", whole))


@dataclass
class Eye:
    """Looks at what left. ``inside_ids`` are Message-IDs of notices and of mails from staff."""

    token_owner: Callable[[str], str | None]  # reply address -> Message-ID of the outside mail it belongs to
    inside_ids: set[str] = field(default_factory=set)

    def leaks(self, caught: CaughtMail) -> list[str]:
        """In words, all that should not be there; nothing for a mail that stays inside."""
        if all(to.endswith("@firma.test") for to in caught.rcpt_to):
            return []
        texts = tuple(everything(caught.raw))
        folded = tuple(re.sub(r"\s+", " ", re.sub(r"(?m)^[>\s]+", "", text)) for text in texts)
        found = [what for what, secret in _SECRETS.items() if any(secret.search(text) for text in (*texts, *folded))]
        own = str(caught.parsed()["Message-ID"]).strip("<> ")
        for address in {address for text in texts for address in _LOCAL_PART.findall(text)}:
            if read_token(address) is not None and self.token_owner(address) != own:
                found.append(f"a reply address of another mail: {address}")
        found += [f"an id of a mail inside: {one}" for one in self.inside_ids if any(one in text for text in texts)]
        if any(to.endswith("@firma.test") for to in caught.rcpt_to):
            found.append("staff and outside in one mail")
        return found


# --- how mail clients quote ---------------------------------------------------------------------------------------------


@cache
def _said(caught: CaughtMail) -> str:
    part = caught.parsed().get_body(("plain",))
    return str(part.get_content()) if part else ""


@cache
def _reply_to(caught: CaughtMail) -> str:
    return address_in(caught.parsed()["Reply-To"])


def _shown(caught: CaughtMail) -> str:
    part = caught.parsed().get_body(("html",))
    return str(part.get_content()) if part else f"<pre>{html.escape(_said(caught))}</pre>"


def _lines(text: str) -> str:
    return html.escape(text).replace("\n", "<br>")


def _prefixed(text: str, sign: str = "> ") -> str:
    return "".join(f"{sign}{line}\n" for line in text.splitlines())


def _head(caught: CaughtMail, *, is_bold: bool = False) -> str:
    said = caught.parsed()
    names = ("From", "Sent", "To", "Subject")
    lines = (f"{'*' * is_bold}{n}:{'*' * is_bold} {said['Date' if n == 'Sent' else n]}" for n in names)
    return "\n".join(lines)


Quoting = Callable[[CaughtMail, str], tuple[str, str]]  # (text, html) of an answer that says so
QUOTINGS: dict[str, Quoting] = {
    "none": lambda to, text: (text, ""),
    "top": lambda to, text: (
        f"{text}\n\nOn Mon, 23 Nov 2026, {to.parsed()['From']} wrote:\n{_prefixed(_said(to))}",
        "",
    ),
    "bottom": lambda to, text: (
        f"On Mon, 23 Nov 2026, {to.parsed()['From']} wrote:\n{_prefixed(_said(to))}\n{text}\n",
        "",
    ),
    "bare sign": lambda to, text: (f"{text}\n\n{_prefixed(_said(to), '>')}", ""),
    "bar": lambda to, text: (f"{text}\n\n{_prefixed(_said(to), '| ')}", ""),
    "Outlook": lambda to, text: (f"{text}\n\n-----Original Message-----\n{_head(to)}\n\n{_said(to)}", ""),
    "Outlook in bold": lambda to, text: (f"{text}\n\n{'_' * 32}\n{_head(to, is_bold=True)}\n\n{_said(to)}", ""),
    "nothing around it": lambda to, text: (f"{text}\n\n{_said(to)}", ""),
    "without the marker": lambda to, text: (f"{text}\n\n{_said(to).replace(MARKER, '')}", ""),
    "indented": lambda to, text: (f"{text}\n\n{_prefixed(_said(to).replace(MARKER, ''), '    ')}", ""),
    "forwarded": lambda to, text: (
        f"{text}\n\n---------- Forwarded message ---------\n{_head(to)}\n\n{_said(to)}",
        "",
    ),
    "HTML": lambda to, text: (
        "",
        f"<p>{_lines(text)}</p><div class='gmail_quote'>wrote:<blockquote>{_shown(to)}</blockquote></div>",
    ),
    "HTML of Outlook": lambda to, text: (
        "",
        f"<div>{_lines(text)}</div><div id='divRplyFwdMsg'><b>From:</b> x<br><b>Sent:</b> y</div><div>{_shown(to)}</div>",
    ),
    "HTML, nothing around it": lambda to, text: ("", f"<p>{_lines(text)}</p>{_shown(to)}"),
    "HTML of the text": lambda to, text: (
        "",
        f"<p>{_lines(text)}</p><p>{html.escape(_said(to)).replace(chr(10), '<br>')}</p>",
    ),
    "text and HTML that differ": lambda to, text: (text, f"<p>{_lines(text)}</p>{_shown(to)}"),
}


def _formatted(text: str) -> str:
    """As a mail program with buttons writes it: a line a block, some words bold."""
    lines = (re.sub(r"\b(pumps|sails|regards)\b", r"<b>\1</b>", html.escape(line)) for line in text.split("\n"))
    return "".join(f"<div>{line or '<br>'}</div>" for line in lines)


BOTH_PARTS: dict[str, Callable[[CaughtMail], str]] = {
    "Gmail": lambda to: f"<div class='gmail_quote'>On Monday x wrote:<blockquote>{_shown(to)}</blockquote></div>",
    "Outlook": lambda to: f"<div id='divRplyFwdMsg'><b>From:</b> x<br><b>Sent:</b> y</div><div>{_shown(to)}</div>",
    "Apple Mail": lambda to: f"<blockquote type='cite'>On Monday x wrote:<br>{_shown(to)}</blockquote>",
    "nothing around it": _shown,
    "nothing": lambda to: "",
    "twice": lambda to: (
        f"<blockquote><blockquote>{_shown(to)}</blockquote></blockquote><blockquote>{_shown(to)}</blockquote>"
    ),
}

# Where something may stand in HTML beside the words that its text part has; the last ones are seen by the reader.
HIDING: tuple[Callable[[str], str], ...] = (
    lambda s: f"<!-- {s} -->",
    lambda s: f"<!--[if mso]>{html.escape(s)}<![endif]-->",
    lambda s: f'<span style="display:none">{html.escape(s)}</span>',
    lambda s: f'<span style="font-size:0;color:#fff">{html.escape(s)}</span>',
    lambda s: (
        f'<b title="{html.escape(s)}" class="{html.escape(s)}" id="{html.escape(s)}" data-x="{html.escape(s)}"></b>'
    ),
    lambda s: f'<img src="https://x.example/{quote(s)}.gif" alt="{html.escape(s)}">',
    lambda s: f'<img src="cid:pasted" alt="{html.escape(s)}" title="{html.escape(s)}">',
    lambda s: f'<a href="https://x.example/?q={quote(s)}">pumps</a>',
    lambda s: f'<a href="https://x.example/?u={quote(quote(s))}">pumps</a>',
    lambda s: f'<a href="https://x.example/#{html.escape(s)}">pumps</a>',
    lambda s: f'<a href="mailto:sales@x.example?body={quote(s)}">pumps</a>',
    lambda s: f'<a href="mailto:{html.escape(s.split(" ")[0])}">pumps</a>',
    lambda s: f'<div style="font-family:{html.escape(s)}"></div><style>.x{{content:"{s}"}}</style>',
    lambda s: f"<title>{html.escape(s)}</title><script>{s}</script><template>{html.escape(s)}</template>",
    lambda s: f'<input type="hidden" value="{html.escape(s)}"><textarea>{html.escape(s)}</textarea>',
    lambda s: f"<svg><title>{html.escape(s)}</title></svg><object data='{html.escape(s)}'></object>",
    lambda s: f"<table summary='{html.escape(s)}'><tr><td abbr='{html.escape(s)}'></td></tr></table>",
    lambda s: f"<div>{html.escape(s)}</div>",
    lambda s: "<div>" + "".join(f"&#{ord(c)};" for c in s) + "</div>",
    lambda s: "<div>" + "<b></b>".join(map(html.escape, s)) + "</div>",
    lambda s: "<div>" + "\u200b".join(map(html.escape, s)) + "</div>",
    lambda s: f"<span>{html.escape(s)}</span>",
    lambda s: f"<blockquote><blockquote>{html.escape(s)}</blockquote></blockquote>",
    lambda s: f"<ul><li>{html.escape(s)}</li></ul>",
)


def inline(to: CaughtMail, text: str, dice: random.Random) -> tuple[str, str]:
    """Answers between the quoted lines, where the client put its signs or forgot them."""
    lines = _said(to).splitlines()
    for _ in range(3):
        lines.insert(dice.randrange(len(lines) + 1), f"\n{text}\n")
    sign = dice.choice(("> ", ">", "> ", ""))
    return "\n".join(line if text in line else f"{sign}{line}" for line in lines), ""


Attaching = Callable[[EmailMessage, CaughtMail], None]


def _as_mail(made: EmailMessage, notice: CaughtMail) -> None:
    made.add_attachment(notice.parsed(), filename="notice.eml")


def _as_file(content: Callable[[CaughtMail], bytes], main: str, sub: str, name: str) -> Attaching:
    def attach(made: EmailMessage, notice: CaughtMail) -> None:
        made.add_attachment(content(notice), maintype=main, subtype=sub, filename=name)

    return attach


ATTACHINGS: dict[str, Attaching] = {
    "a mail": _as_mail,
    "a mail as a file": _as_file(lambda n: n.raw, "application", "octet-stream", "notice.eml"),
    "winmail.dat": _as_file(lambda n: b"\x78\x9f\x3e\x22" + n.raw, "application", "ms-tnef", "winmail.dat"),
    "a text": _as_file(lambda n: _said(n).encode(), "application", "octet-stream", "notice.txt"),
    "a page": _as_file(lambda n: _shown(n).encode(), "text", "html", "notice.html"),
    "wide letters": _as_file(lambda n: _said(n).encode("utf-16"), "application", "octet-stream", "notice.txt"),
    "an Outlook file": _as_file(
        lambda n: b"\xd0\xcf\x11\xe0" + _said(n).encode("utf-16-le"), "application", "vnd.ms-outlook", "notice.msg"
    ),
    "a harmless file": _as_file(lambda n: b"%PDF a price list", "application", "pdf", "prices.pdf"),
}


# --- the world ----------------------------------------------------------------------------------------------------------


@dataclass
class World:
    """A house, its people and dice. ``step`` does one thing that somebody may do, and looks at what left."""

    base: app.Foundation
    sink: SmtpSink
    clock: Clock
    dice: random.Random
    worker: Worker
    deliverer: Deliverer
    people: dict[str, int]
    eye: Eye
    seen: int = 0
    number: int = 0
    count: Counter[str] = field(default_factory=Counter)

    def step(self) -> list[str]:
        """What leaked because of it, with the step's name in front."""
        moves = self._moves()
        name = self.dice.choices([*moves], [weight for weight, _ in moves.values()])[0]
        self.count[name] += 1
        self.clock.move(timedelta(minutes=self.dice.choice((1, 20, 90))))
        moves[name][1]()
        self.settle()
        return [f"after {name!r}: {leak}" for leak in self.new_leaks()]

    def new_leaks(self) -> list[str]:
        caught, self.seen = self.sink.mails[self.seen :], len(self.sink.mails)
        for one in caught:
            if one.rcpt_to[0].endswith("@firma.test"):
                self.eye.inside_ids.add(str(one.parsed()["Message-ID"]).strip("<> "))
            else:
                self.count["left for the outside"] += 1
                self.count["left formatted"] += "<b>" in _shown(one)
        return [leak for one in caught for leak in self.eye.leaks(one)]

    def settle(self) -> None:
        while self.worker.run_batch():
            pass
        while self.deliverer.run_once():
            pass

    def _moves(self) -> dict[str, tuple[int, Callable[[], None]]]:
        return {
            "a new mail": (3, self.outsider_writes),
            "an outsider answers": (6, self.outsider_answers),
            "an outsider uses an address of ours": (2, self.outsider_takes_an_address),
            "staff answers": (16, self.staff_answers),
            "staff answers in colours": (10, self.staff_formats),
            "staff answers badly": (6, self.staff_pastes),
            "staff attaches a notice": (5, self.staff_attaches),
            "staff writes a note": (5, self.staff_notes),
            "staff commands": (12, self.staff_commands),
            "staff answers a question or a receipt": (6, self.staff_says_a_word),
            "staff answers to all": (4, self.staff_answers_all),
            "staff writes to the customer": (2, self.staff_writes_directly),
            "the page: a note": (3, self.page_note),
            "the page: the card": (3, self.page_card),
            "the page: a mail": (4, self.page_mail),
            "the page: held mail": (8, self.page_decides),
        }

    # what they know

    def secret(self) -> str:
        """Text of a note or an activity: no forty characters of it are without a canary."""
        self.number += 1
        words = [f"canary{self.number}{self.dice.randrange(100, 999)} {self.dice.choice(_WORDS)}" for _ in range(8)]
        return "Between us: " + " ".join(words)

    def secrets_of(self, lead_id: int | None) -> list[str]:
        """Notes and activities as they stand on the lead; words as short as "3.12. call" are anybody's, and no secret."""
        notes = select(message.c.new_text).where(message.c.lead_id == lead_id, message.c.kind == "note")
        with self.base.store.read() as session:
            summaries = session.execute(select(activity.c.summary).where(activity.c.lead_id == lead_id)).scalars().all()
            said = [*session.execute(notes).scalars(), *summaries]
        return [text for text in said if len(text) >= SHORTEST_SECRET]

    def harmless(self) -> str:
        self.number += 1
        return f"Answer {self.number}: {self.dice.choice(_WORDS)} {self.dice.choice(_WORDS)}, and best regards."

    def notices(self) -> list[CaughtMail]:
        return [m for m in self.sink.mails if m.rcpt_to[0].endswith("@firma.test")]

    def letters(self) -> list[CaughtMail]:
        return [m for m in self.sink.mails if not m.rcpt_to[0].endswith("@firma.test")]

    def lead_ids(self) -> list[int]:
        with self.base.store.read() as session:
            return list(session.execute(select(lead.c.id)).scalars())

    def any_notice(self) -> tuple[str, CaughtMail] | None:
        """A late notice rather than an early one, mostly one that may be answered to the customer; and who has it."""
        late = self.notices()[-15:]
        answerable = [n for n in late if (c := read_token(_reply_to(n))) and c.intent == "reply"]
        chosen = answerable if answerable and self.dice.random() < 0.7 else late
        if not chosen:
            return None
        notice = self.dice.choice(chosen)
        return notice.rcpt_to[0].partition("@")[0], notice

    # mail in

    def put(self, made: EmailMessage, to: Sequence[str], *, proof: str = "", mail_from: str | None = None) -> None:
        raw = proven(made, proof) if proof else made.as_bytes()
        sender = address_in(made["From"]) if mail_from is None else mail_from
        self.base.spool.put(Envelope(sender, tuple(to), self.clock(), Door.SMTP, "127.0.0.1"), raw)

    def staff_put(self, name: str, made: EmailMessage, *to: str) -> None:
        """As a colleague's mail comes in: mostly with proof, sometimes without, sometimes forged."""
        self.eye.inside_ids.add(str(made["Message-ID"]).strip("<> "))
        proof = self.dice.choice((PROOF, PROOF, PROOF, PROOF, "", PROOF.replace("=pass", "=fail")))
        self.put(made, to, proof=proof)

    def outsider_writes(self) -> None:
        who = self.dice.choice(OUTSIDE)
        other = self.dice.choice(("", "", *OUTSIDE))
        copy = [("Cc", other)] if other and other != who else []
        subject = f"{self.dice.choice(_WORDS)} {self.number}"
        text = f"Hello, I ask about {self.dice.choice(_WORDS)}. {self.harmless()}"
        self.put(mail(who, self.dice.choice((SALES, EXPORT)), subject, text, headers=copy), [SALES])

    def outsider_answers(self) -> None:
        letters = self.letters()
        if not letters:
            return self.outsider_writes()
        letter = self.dice.choice(letters[-6:])
        who = self.dice.choice((letter.rcpt_to[0], letter.rcpt_to[-1], "mallory@evil.example"))
        made = self.answered(letter, who, self.harmless(), self.dice.choice([*QUOTINGS]))
        self.put(made, [address_in(made["To"])])
        return None

    def outsider_takes_an_address(self) -> None:
        """Any address that was ever printed, of staff too: forwarded mails and address books carry them out."""
        if not self.notices():
            return
        notice = self.dice.choice(self.notices())
        addresses = [a for a in _LOCAL_PART.findall(_said(notice)) if read_token(a)]
        address = self.dice.choice([*addresses, _reply_to(notice)])
        who = self.dice.choice(OUTSIDE)
        headers = [("References", str(notice.parsed()["Message-ID"]))] if self.dice.random() < 0.3 else []
        self.put(mail(who, address, "Re: " + self.dice.choice(_WORDS), self.harmless(), headers=headers), [address])

    # staff

    def answered(self, to: CaughtMail, from_: str, text: str, quoting: str) -> EmailMessage:
        said = to.parsed()
        plain, shown = inline(to, text, self.dice) if quoting == "inline" else QUOTINGS[quoting](to, text)
        threaded = [("In-Reply-To", str(said["Message-ID"])), ("References", str(said["Message-ID"]))]
        where = address_in(said["Reply-To"] or said["From"])
        made = mail(from_, where, f"Re: {said['Subject']}", plain or "-", html=shown if plain else "", headers=threaded)
        if not plain:
            made.set_content(shown, subtype="html")
        return made

    def staff_answers(self) -> None:
        found = self.any_notice()
        if found is None:
            return self.outsider_writes()
        name, notice = found
        quoting = self.dice.choice([*QUOTINGS, "inline", "inline"])
        self.count[f"quoted: {quoting}"] += 1
        writer = self.dice.choice((name, name, name, *STAFF))
        made = self.answered(notice, f"{writer}@firma.test", self.harmless(), quoting)
        self.staff_put(writer, made, address_in(made["To"]))
        return None

    def lead_of(self, notice: CaughtMail) -> int | None:
        """The lead that its reply addresses name."""
        claims = [read_token(a) for a in (*_LOCAL_PART.findall(_said(notice)), _reply_to(notice))]
        ids = [claim.outbox_id for claim in claims if claim]
        with self.base.store.read() as session:
            return session.execute(select(outbox.c.lead_id).where(outbox.c.id.in_(ids))).scalar()

    def piece(self, lead_id: int | None) -> str:
        """What somebody copies by hand out of a notice, a card or a note of this lead."""
        secret = self.dice.choice(self.secrets_of(lead_id) or [""])
        start = self.dice.randrange(0, max(1, len(secret) - 60))
        cut = secret[start : start + 60]
        mine = [notice for notice in self.notices() if self.lead_of(notice) == lead_id]
        notice = _said(self.dice.choice(mine)) if mine else ""
        lines = [line for line in notice.splitlines() if len(line) > 20]
        token = self.dice.choice([a for a in _LOCAL_PART.findall(notice) if read_token(a)] or [""])
        some_lines = "\n".join(self.dice.sample(lines, min(3, len(lines))))
        copied = (cut, cut.upper(), cut.replace(" ", "\n> "), some_lines, some_lines, some_lines)
        typed = (f"https://{PAGE}/leads/1", MARKER, token, "Write to alice@firma.test", "Bob is bob@firma.test.")
        return self.dice.choice((*copied, *typed))

    def staff_pastes(self) -> None:
        found = self.any_notice()
        if found is None:
            return
        name, notice = found
        text = f"{self.harmless()}\n{self.piece(self.lead_of(notice))}\nRegards"
        made = self.answered(notice, f"{name}@firma.test", text, self.dice.choice(("none", "top", "HTML")))
        self.staff_put(name, made, address_in(made["To"]))

    def staff_formats(self) -> None:
        """Text and HTML as a mail program writes them, with something of ours hidden in the HTML, and a picture that tells."""
        found = self.any_notice()
        if found is None:
            return
        name, notice = found
        commands = "".join(f"{self.command()}\n\n" for _ in range(self.dice.choice((0, 0, 1))))
        note = f"\n/note {self.secret()}\n{self.secret()}" if self.dice.random() < 0.3 else ""
        text = f"{commands}{self.harmless()}\nWe have pumps.\nBest regards"
        client = self.dice.choice([*BOTH_PARTS])
        piece = self.piece(self.lead_of(notice)) or self.secret()
        hidden = self.dice.choice(HIDING)(piece) if self.dice.random() < 0.7 else ""
        lines = _formatted(text + note).split("</div>")
        lines.insert(self.dice.randrange(len(lines)), hidden)
        page = "</div>".join(lines) + '<div><img src="cid:pasted"></div>' * (self.dice.random() < 0.5)
        quoted = "" if client == "nothing" else f"\n\nOn Monday x wrote:\n{_prefixed(_said(notice))}"
        made = self.answered(notice, f"{name}@firma.test", text + note + quoted, "none")
        made.add_alternative(page + BOTH_PARTS[client](notice), subtype="html")
        shown = made.get_body(("html",))
        assert isinstance(shown, EmailMessage)
        if "cid:pasted" in page:
            told = png(chunk(b"tEXt", self.secret().encode()), behind=self.secret().encode())
            shown.add_related(told, "image", "png", cid="<pasted>", filename=f"{self.secret()[:60]}.png")
        self.count[f"formatted: {client}"] += 1
        self.staff_put(name, made, address_in(made["To"]))

    def staff_attaches(self) -> None:
        found = self.any_notice()
        if found is None:
            return
        name, notice = found
        made = self.answered(notice, f"{name}@firma.test", self.harmless(), "none")
        kind = self.dice.choice([*ATTACHINGS, "a name"])
        self.count[f"attached: {kind}"] += 1
        if kind == "a name":
            secret = self.dice.choice(self.secrets_of(self.lead_of(notice)) or ["prices"])
            made.add_attachment(
                b"x", maintype="application", subtype="pdf", filename=f"{' '.join(secret.split())[:60]}.pdf"
            )
        else:
            ATTACHINGS[kind](made, notice)
        self.staff_put(name, made, address_in(made["To"]))

    def staff_notes(self) -> None:
        found = self.any_notice()
        if found is None:
            return
        name, notice = found
        addresses = [a for a in _LOCAL_PART.findall(_said(notice)) if read_token(a)]
        address = addresses[0] if addresses else _reply_to(notice)
        if (claim := read_token(address)) is None or claim.intent != "note":
            return
        made = mail(f"{name}@firma.test", address, "Re: note", f"{self.secret()} @Otto")
        self.staff_put(name, made, address)

    def command(self) -> str:
        """A line as people write it: right, wrong, in bold, with what must stay inside."""
        secret, word = (
            f"canary{self.number} between us canary{self.number}",
            self.dice.choice(("tomorrow", "3.12.", "in 2 weeks", "soon", "next friday")),
        )
        rest = self.dice.choice(
            ("", secret, f"{word} {secret}", f"until {word}", "12000", f"12000 {secret}", "Otto", f"#{self.any_lead()}")
        )
        sign = self.dice.choice(("/", "/", "/", "/", "#", "*/", "/ ", "／", "\u200b/"))
        verb = self.dice.choice([*VERBS, "wom", "stagee", "nottte"])
        return f"{sign}{verb} {rest}".strip() + ("*" if sign == "*/" else "")

    def staff_commands(self) -> None:
        """Commands above the text, below it, in the subject, before a note; in every way of quoting."""
        found = self.any_notice()
        if found is None:
            return
        name, notice = found
        self.number += 1
        lines = "\n".join(self.command() for _ in range(self.dice.choice((1, 1, 2, 4))))
        note = f"\n/note {self.secret()}\n{self.secret()}" if self.dice.random() < 0.3 else ""
        text = self.dice.choice(
            (lines, f"{lines}\n\n{self.harmless()}", f"{self.harmless()}\n{lines}", f"{lines}\n\nBr, {name}")
        )
        made = self.answered(notice, f"{name}@firma.test", text + note, self.dice.choice([*QUOTINGS]))
        if self.dice.random() < 0.15:
            del made["Subject"]
            made["Subject"] = self.command()
        self.staff_put(name, made, address_in(made["To"]))

    def staff_says_a_word(self) -> None:
        """ "send" or "undo" to whatever came last; an outsider may say it too."""
        late = [n for n in self.notices()[-10:] if (c := read_token(_reply_to(n))) and c.intent in ("undo", "decide")]
        if not late:
            return
        notice = self.dice.choice(late)
        name = notice.rcpt_to[0].partition("@")[0]
        who = self.dice.choice((f"{name}@firma.test",) * 4 + ("bob@firma.test", "mallory@evil.example"))
        is_outsider = "mallory" in who
        words = ("send", "lähetä", "undo", "kumoa", "ok", "send it")
        word = self.dice.choice(words if is_outsider else (*words, "/undo", "/won 5"))
        made = self.answered(notice, who, word, self.dice.choice(("none", "top", "HTML")))
        self.count[f"said: {read_token(_reply_to(notice)).intent}"] += 1  # type: ignore[union-attr]
        if is_outsider:  # whose words may be quoted to the customer, and whose id names the mail
            self.put(made, [address_in(made["To"])])
        else:
            self.staff_put(who.partition("@")[0], made, address_in(made["To"]))

    def staff_answers_all(self) -> None:
        """Reply and note addresses in one mail, or as two transactions; sometimes the customer in Cc."""
        found = self.any_notice()
        if found is None:
            return
        name, notice = found
        addresses = [a for a in _LOCAL_PART.findall(_said(notice)) if read_token(a)]
        made = self.answered(notice, f"{name}@firma.test", self.secret(), self.dice.choice([*QUOTINGS]))
        to = [address_in(made["To"]), *addresses[:1]]
        notes = [a for a in to if (claim := read_token(a)) and claim.intent == "note"]
        if not notes:
            return
        if self.dice.random() < 0.5:
            made["Cc"] = ", ".join(addresses[:1])
        envelopes = self.dice.choice(([to], [[one] for one in to], [[one] for one in reversed(to)]))
        self.eye.inside_ids.add(str(made["Message-ID"]).strip("<> "))
        if "Cc" not in made and envelopes[0] == [address_in(made["To"])] and len(envelopes) > 1:
            envelopes.reverse()  # the note address stands nowhere in the first copy: nobody could know
        for one in envelopes:
            self.put(made, one, proof=PROOF)
            self.settle()

    def staff_writes_directly(self) -> None:
        """From the mail client to the customer with us in copy: nothing leaves from here."""
        name = self.dice.choice(STAFF)
        made = mail(f"{name}@firma.test", self.dice.choice(OUTSIDE), "Offer", self.harmless(), headers=[("Cc", SALES)])
        self.staff_put(name, made, SALES)

    # the page

    def perform(self, call: Call) -> None:
        try:
            self.base.desk().perform(call)
        except Refused:
            self.count["refused"] += 1

    def any_lead(self) -> int | None:
        ids = self.lead_ids()
        return self.dice.choice(ids[-6:]) if ids else None

    def page_note(self) -> None:
        if (lead_id := self.any_lead()) is not None:
            self.perform(Call(write_note, (lead_id, self.secret()), self.people["bob"]))

    def page_card(self) -> None:
        if (lead_id := self.any_lead()) is not None:
            new = NewActivity("call", self.clock().date(), summary=self.secret())
            self.perform(Call(schedule, (lead_id, new), self.people["alice"]))
            changes = {"expected_revenue": VALUE, "priority": self.dice.randrange(4)}
            self.perform(Call(set_fields, (lead_id, changes), self.people["alice"]))

    def page_mail(self) -> None:
        if (lead_id := self.any_lead()) is None:
            return
        text = self.harmless()
        if self.dice.random() < 0.4:
            text += f"\n{self.piece(lead_id)}"
        self.perform(Call(write_to_customer, (lead_id, text), self.people["alice"]))

    def page_decides(self) -> None:
        """A manager sends, keeps, attaches, opens or drops held mail, and releases what was kept back on its way out."""
        by, desk = self.people["mona"], self.base.desk()
        with self.base.store.read() as session:
            undecided = inbound.c.state.in_(("held", "triage", "quiet"))
            held = list(session.execute(select(inbound.c.id).where(undecided)).scalars())
            kept = list(session.execute(select(outbox.c.id).where(outbox.c.state == "held")).scalars())
        if kept and self.dice.random() < 0.5:
            outbox_id = self.dice.choice(kept)
            self.count["released"] += 1
            self.base.store.write(lambda session: release(session, outbox_id, by, self.clock()))
            return
        if not held:
            return
        inbound_id, lead_id = self.dice.choice(held), self.any_lead()
        decisions: list[Callable[[], object]] = [
            lambda: triage.send(desk, inbound_id, by),
            lambda: triage.send(desk, inbound_id, by),
            lambda: triage.send(desk, inbound_id, by),
            lambda: triage.keep_as_note(desk, inbound_id, by),
            lambda: triage.make_lead(desk, inbound_id, by),
            lambda: triage.attach(desk, inbound_id, lead_id or 0, by),
        ]
        try:
            self.dice.choice(decisions)()
            self.count["decided"] += 1
        except Refused:
            self.count["refused"] += 1


_WORDS = ("pumps", "sails", "chairs", "varnish", "rope", "lamps", "timber", "anchors", "paint", "glass")


@contextmanager
def world(data_dir: Path, sink: SmtpSink, seed: int, database: str = "") -> Iterator[World]:
    """A furnished data folder comes to life in this process."""
    limits = {"max_messages_per_lead": 1000, "max_equal_bodies": 1000, "max_new_leads_per_address": 1000}
    config = house_config(data_dir, sink.port, database, ingest={**limits, "max_new_leads_per_domain": 1000})
    clock = Clock()
    with app.foundation(config, clock) as base:

        def owner_of(address: str) -> str | None:
            claim = read_token(address)
            if claim is None:
                return None
            statement = select(outbox.c.message_id).where(outbox.c.id == claim.outbox_id, outbox.c.user_id.is_(None))
            with base.store.read() as session:
                found = session.execute(statement).scalar()
            return str(found) if found else None

        settings = deliver_settings(config, base.keyring, "world")
        relay = relay_settings(config)
        deliverer = Deliverer(base.store, settings, clock, base.blobs, lambda: SmtpRelay(relay))
        worker = Worker(base.store, base.spool, base.blobs, base.places(), clock, reader(0))
        try:
            yield World(base, sink, clock, random.Random(seed), worker, deliverer, _furnished(base), Eye(owner_of))
        finally:
            deliverer.close()
