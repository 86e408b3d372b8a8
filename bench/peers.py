"""``python peers.py LIBRARY``: what one library reads in mails; a path a line on standard input, a JSON object a line out.

Run by ``bench.compare`` with the Python of another environment, so nothing of mailcrm is imported here. Libraries that take text
get the plain text as the standard library decodes it, else the HTML without its tags. A mail may take ten seconds.
"""

import contextlib
import email
import email.policy
import email.utils
import importlib
import json
import re
import signal
import sys
import time
from collections.abc import Callable
from email.message import EmailMessage
from html.parser import HTMLParser
from typing import Any

_SECONDS = 10


class _Text(HTMLParser):
    """The text of HTML, a line for each block."""

    def __init__(self) -> None:
        super().__init__()
        self.parts: list[str] = []

    def handle_starttag(self, tag: str, attrs: object) -> None:
        if tag in ("br", "p", "div", "tr", "li", "blockquote", "h1", "h2", "h3"):
            self.parts.append("\n")

    def handle_data(self, data: str) -> None:
        self.parts.append(data)


def _part(message: EmailMessage, kind: str) -> str:
    try:
        part = message.get_body((kind,))
        return str(part.get_content()) if part is not None else ""
    except Exception:  # noqa: BLE001 - the standard library's parser raises many things on real mail; then there is no text
        return ""


def _plain(message: EmailMessage) -> str:
    text = _part(message, "plain")
    if text.strip():
        return text.replace("\r\n", "\n")
    reader = _Text()
    reader.feed(_part(message, "html"))
    return "".join(reader.parts)


# --- replies ------------------------------------------------------------------------------------------------------------


def _email_reply_parser(message: EmailMessage, raw: bytes) -> dict[str, Any]:
    return {"reply": _of("email_reply_parser").EmailReplyParser.parse_reply(_plain(message))}


def _mail_parser_reply(message: EmailMessage, raw: bytes) -> dict[str, Any]:
    languages = sorted(_of("mailparser_reply.constants").MAIL_LANGUAGES)
    parser = _of("mailparser_reply").EmailReplyParser(languages=languages)
    return {"reply": parser.parse_reply(_plain(message)) or ""}


def _quotequail(message: EmailMessage, raw: bytes) -> dict[str, Any]:
    library, text = _of("quotequail"), _plain(message)
    shown = "\n".join(part for is_shown, part in library.quote(text, quote_intro_line=True) if is_shown)
    found = library.unwrap(text) or {}
    level = {}
    if found.get("type") == "forward":
        name, address = email.utils.parseaddr(found.get("from", ""))
        level = {"name": name, "address": address, "subject": found.get("subject", "")}
    return {"reply": found.get("text_top", "") if level else shown, "forwarded": level}


def _unquotemail(message: EmailMessage, raw: bytes) -> dict[str, Any]:
    html = _part(message, "html") if not _part(message, "plain").strip() else ""
    return {"reply": _of("unquotemail").Unquote(html, _plain(message)).get_text() or ""}


def _talon(message: EmailMessage, raw: bytes) -> dict[str, Any]:
    return {"reply": _of("talon.quotations").extract_from_plain(_plain(message))}


# --- forwards -----------------------------------------------------------------------------------------------------------


def _email_forward_parser(message: EmailMessage, raw: bytes) -> dict[str, Any]:
    library = _of("emailforwardparser.forward_parser")
    found = library.get_forwarded_metadata(_plain(message), str(message["subject"] or ""))
    if not found.forwarded:
        return {"forwarded": {}}
    box = found.email.from_
    return {"forwarded": {"name": box.name, "address": box.address, "subject": found.email.subject}}


# --- bounces and decoding -----------------------------------------------------------------------------------------------


def _flufl_bounce(message: EmailMessage, raw: bytes) -> dict[str, Any]:
    temporary, permanent = _of("flufl.bounce").all_failures(email.message_from_bytes(raw))
    named = [address.decode("utf-8", "replace") if isinstance(address, bytes) else address for address in permanent]
    return {"bounced": named, "delayed": bool(temporary) and not permanent}


def _mail_parser(message: EmailMessage, raw: bytes) -> dict[str, Any]:
    mail = _of("mailparser").parse_from_bytes(raw)
    name, address = (mail.from_ or [("", "")])[0][:2]
    text = "\n".join(mail.text_plain) or _without_tags("\n".join(mail.text_html))
    return {
        "subject": mail.subject or "",
        "name": name,
        "address": address,
        "text": text,
        "files": len(mail.attachments),
    }


def _standard_library(message: EmailMessage, raw: bytes) -> dict[str, Any]:
    name, address = email.utils.parseaddr(str(message["from"] or ""))
    files = sum(1 for _ in message.iter_attachments()) if message.is_multipart() else 0
    return {
        "subject": str(message["subject"] or ""),
        "name": name,
        "address": address,
        "text": _plain(message),
        "files": files,
    }


def _without_tags(html: str) -> str:
    return re.sub(r"<[^>]{0,2000}>", " ", html)


def _of(name: str) -> Any:
    return importlib.import_module(name)


LIBRARIES: dict[str, Callable[[EmailMessage, bytes], dict[str, Any]]] = {
    "email-reply-parser": _email_reply_parser,
    "mail-parser-reply": _mail_parser_reply,
    "quotequail": _quotequail,
    "unquotemail": _unquotemail,
    "talon": _talon,
    "email-forward-parser": _email_forward_parser,
    "flufl.bounce": _flufl_bounce,
    "mail-parser": _mail_parser,
    "standard library": _standard_library,
}


def _answer(read: Callable[[EmailMessage, bytes], dict[str, Any]], path: str) -> dict[str, Any]:
    with open(path, "rb") as file:
        raw = file.read()
    signal.setitimer(signal.ITIMER_REAL, _SECONDS)
    started = time.perf_counter()
    try:
        message = email.message_from_bytes(raw, policy=email.policy.default)
        started = time.perf_counter()
        found = read(message, raw)
        return {**found, "seconds": time.perf_counter() - started}
    except Exception as e:  # noqa: BLE001 - a library that fails on a mail has read nothing in it
        return {"error": f"{type(e).__name__}: {e}"[:200], "seconds": time.perf_counter() - started}
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)


def _too_long(number: int, frame: object) -> None:
    raise TimeoutError(f"over {_SECONDS} s")


def main(library: str) -> None:
    signal.signal(signal.SIGALRM, _too_long)
    read = LIBRARIES[library]
    with contextlib.suppress(
        Exception
    ):  # what is loaded at first use is loaded; a library that is not there says so of each mail
        read(EmailMessage(), b"")
    for line in sys.stdin:
        print(json.dumps(_answer(read, line.rstrip("\n"))), flush=True)


if __name__ == "__main__":
    main(sys.argv[1])
