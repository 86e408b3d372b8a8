"""The mails of a run: 10 KB each as mail clients write them, 60 % from new people, 30 % from known ones, 10 % replies.

Mail ``number`` is always the same mail. Its marker stands in the words that the notice carries, so that the sink knows which
mail a notice tells of.
"""

import re
from dataclasses import dataclass

DOMAIN = "crm.firma.example"
PARTNER_COUNT = 500
_MARKER = re.compile(rb"bench-mail-(\d+)-")
_REPLY_LAG = 60  # how far back the mail lies that a reply answers: by then it is placed
_SIZE = 10_000

_SENTENCES = (
    "We are planning to renew the storage of our main hall during the spring and would like to compare a few options.",
    "Could you send us prices and delivery times for the racks you showed on your stand last month?",
    "The floor carries two tonnes for each square metre, which the earlier supplier found to be enough.",
    "Our purchasing meets on the last Thursday of the month, so an answer before that would help us greatly.",
    "Delivery should go to the gate behind the old warehouse; a lift of four metres is there.",
    "Please tell us as well what service costs after the first year, and who does it in our region.",
)


@dataclass(frozen=True, slots=True)
class SentMail:
    mail_from: str
    rcpt_to: str
    raw: bytes


def partner_address(number: int) -> str:
    """The address of a known partner."""
    return f"known{number}@customer{number}.example"


def bench_mail(number: int, size: int = _SIZE) -> SentMail:
    """The mail of this number, of about ``size`` bytes; with one for every number from 0 on, every reply has its original."""
    is_reply = number % 10 == 9 and number >= _REPLY_LAG
    original = number - _REPLY_LAG + 1 if is_reply else None  # ends in 0: from a new person
    name, address = _writer(number if original is None else original)
    subject = f"Request {number} for racks" if original is None else f"Re: Request {original} for racks"
    threaded = "" if original is None else f"In-Reply-To: <{_id(original)}>\r\nReferences: <{_id(original)}>\r\n"
    head = (
        f"Received: from mail.{address.partition('@')[2]} (mail.{address.partition('@')[2]} [192.0.2.7])\r\n"
        f"\tby mx.firma.example with ESMTPS id {number:012x}; Mon, 23 Nov 2026 10:00:00 +0200\r\n"
        f"From: {name} <{address}>\r\nTo: Sales <sales@{DOMAIN}>\r\nSubject: {subject}\r\n"
        f"Date: Mon, 23 Nov 2026 09:59:58 +0200\r\nMessage-ID: <{_id(number)}>\r\n{threaded}"
        "User-Agent: Mozilla Thunderbird\r\nContent-Language: en-US\r\nMIME-Version: 1.0\r\n"
        'Content-Type: multipart/alternative; boundary="edge-of-parts"\r\n\r\n'
    )
    return SentMail(address, f"sales@{DOMAIN}", (head + _body(number, name, size, is_reply=is_reply)).encode("ascii"))


def number_in(raw: bytes) -> int | None:
    """Which mail a notice tells of."""
    found = _MARKER.search(raw)
    return int(found[1]) if found else None


def _writer(number: int) -> tuple[str, str]:
    if number % 10 in (2, 5, 8):
        known = number // 3 % PARTNER_COUNT
        return f"Known {known}", partner_address(known)
    return f"New Person {number}", f"person{number}@firm{number // 3}.example"


def _id(number: int) -> str:
    return f"mail-{number}.3f2c1a@client.example"


def _body(number: int, name: str, size: int, *, is_reply: bool) -> str:
    lines = [f"Hello, this is bench-mail-{number}-", ""]
    while sum(map(len, lines)) < size // 4:
        lines += [_SENTENCES[(number + len(lines)) % len(_SENTENCES)], ""]
    lines += ["Best regards", name]
    if is_reply:
        quoted = [f"> {sentence}" for sentence in _SENTENCES]
        lines += ["", "On Mon, 23 Nov 2026 at 09:00, Sales <sales@firma.example> wrote:", *quoted]
    text = "\r\n".join(lines)
    return (
        f"--edge-of-parts\r\nContent-Type: text/plain; charset=utf-8; format=flowed\r\n\r\n{text}\r\n"
        f"--edge-of-parts\r\nContent-Type: text/html; charset=utf-8\r\n\r\n{_html(lines, size)}\r\n--edge-of-parts--\r\n"
    )


def _html(lines: list[str], size: int) -> str:
    """The same words as a client marks them up, filled to the size of the mail with the styles it brings along."""
    style = "p.MsoNormal { margin: 0cm; font-size: 11.0pt; font-family: Calibri, sans-serif; }\r\n"
    words = "\r\n".join(f'<p class="MsoNormal"><span lang="EN-US">{line}</span></p>' for line in lines if line)
    styles = style * max(1, (size - 2 * len(words)) // len(style))
    return f"<html><head><style>\r\n{styles}</style></head><body>\r\n{words}\r\n</body></html>"
