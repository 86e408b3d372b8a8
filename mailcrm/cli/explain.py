"""``explain``: what a mail is and what would happen to it, and why; changes nothing. What it is needs no database."""

import json
import os
import re
import sys
from collections.abc import Iterable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import click

from mailcrm.cli.main import Context
from mailcrm.config import Config
from mailcrm.decide import decide
from mailcrm.ingest.body import own_text
from mailcrm.ingest.classify import SpamValues
from mailcrm.ingest.envelope import envelope_from_headers
from mailcrm.ingest.understand import understand
from mailcrm.mail import (
    Address,
    AutoReply,
    ConfigError,
    Door,
    Envelope,
    FormFields,
    Forwarded,
    Meeting,
    ParsedMail,
    ReportRecipient,
    Temporary,
    Verdict,
    WrittenBy,
)
from mailcrm.process import quiet_noise, utc_now
from mailcrm.reader import configured_spam
from mailcrm.rules import rules_of
from mailcrm.store.engine import Store
from mailcrm.store.keyring import Keyring, load_or_make
from mailcrm.store.migrate import require_current
from mailcrm.threading.lookup import look_up


@click.command()
@click.option("--json", "as_json", is_flag=True, help="One JSON object a line for each mail.")
@click.option(
    "--files-from", help="Read paths from this file, one a line; '-' is standard input, each answered at once."
)
@click.argument("files", nargs=-1, type=click.Path(path_type=Path))
@click.pass_obj
def explain(context: Context, as_json: bool, files_from: str | None, files: tuple[Path, ...]) -> int:
    """Say what each mail is and where it would go. '-' reads one mail from standard input.

    A file that begins with "From " is a mailbox (mbox): each of its mails is explained. Without a database (or without a
    configuration) the route is null. The keys are those of docs/explain.md.
    """
    quiet_noise()
    status = 0
    with ExitStack() as stack:
        where = _where(context, stack)
        spam = configured_spam(context.config()) if context.config_path.is_file() else None
        paths = _listed(files_from, stack) if files_from is not None else iter(files or (Path("-"),))
        for path in paths:
            try:
                mails = mails_of(_bytes_of(path))
            except OSError as e:
                click.echo(f"mailcrm: {path}: {e.strerror}", err=True)
                status = 1
                if files_from is not None and as_json:  # who asked waits for a line
                    _say(json.dumps({"file": str(path), "error": e.strerror}, ensure_ascii=False))
                continue
            for number, raw in enumerate(mails, 1):
                answer = {
                    "file": str(path),
                    **({"number": number} if len(mails) > 1 else {}),
                    **explained(raw, where, spam),
                }
                _say(json.dumps(answer, ensure_ascii=False) if as_json else _in_words(path, answer))
    return status


def _say(line: str) -> None:
    click.echo(line)
    sys.stdout.flush()


def _listed(source: str, stack: ExitStack) -> Iterator[Path]:
    """The paths in a file, one a line, as they come; bytes that are no UTF-8 stay what they are."""
    if source == "-":
        lines: Iterable[bytes] = iter(sys.stdin.buffer.readline, b"")
    else:
        try:
            lines = stack.enter_context(open(source, "rb"))  # noqa: SIM115 - closed with the stack
        except OSError as e:
            raise click.FileError(source, e.strerror) from None
    return (Path(os.fsdecode(line.rstrip(b"\r\n"))) for line in lines if line.strip())


_FROM_LINE = re.compile(rb"(?:\A|\r?\n\r?\n)From [^\r\n]{1,300}\r?\n(?=[!-9;-~]{1,100}:|>?From )")
_QUOTED_FROM = re.compile(rb"^>(>*From )", re.MULTILINE)


def mails_of(raw: bytes) -> list[bytes]:
    """The mails of a mailbox in mbox form; anything else is one mail."""
    if not raw.startswith(b"From "):
        return [raw]
    starts = [(match.end(), match.start()) for match in _FROM_LINE.finditer(raw)]
    ends = [start for _, start in starts[1:]] + [len(raw)]
    mails = [raw[start:end] for (start, _), end in zip(starts, ends, strict=True)]
    return [_QUOTED_FROM.sub(rb"\1", mail) for mail in mails] or [raw]


@dataclass(frozen=True)
class _Where:
    """A database to look in."""

    config: Config
    store: Store
    keyring: Keyring


def _where(context: Context, stack: ExitStack) -> _Where | None:
    """The configured database if there is one that can be read, else None."""
    if not context.config_path.is_file():
        return None
    config = context.config()
    secrets = config.data_dir / "secrets" / "signing.json"
    if config.database_url.startswith("sqlite") and not (config.data_dir / "mailcrm.sqlite").is_file():
        return None
    if not secrets.is_file():
        return None
    try:
        require_current(config.database_url)
    except (ConfigError, Temporary) as e:
        click.echo(f"mailcrm: explained without the database: {str(e).splitlines()[0]}", err=True)
        return None
    store = Store(config.database_url)
    stack.callback(store.close)
    return _Where(config, store, load_or_make(secrets))


def _bytes_of(path: Path) -> bytes:
    return sys.stdin.buffer.read() if str(path) == "-" else path.read_bytes()


def explained(raw: bytes, where: _Where | None = None, spam: SpamValues | None = None) -> dict[str, Any]:
    """The whole answer for one mail, as plain values. ``spam``: the configured header map."""
    envelope = _envelope(raw)
    mail, verdict = understand(raw, envelope, spam)
    return {**_reading(mail, verdict), **_placing(mail, verdict, envelope, where)}


def _envelope(raw: bytes) -> Envelope:
    """A file has no envelope: it is rebuilt from the header, as for a mailbox."""
    return envelope_from_headers(raw[:262_144], received_at=utc_now(), door=Door.IMPORT, peer="")


def _reading(mail: ParsedMail, verdict: Verdict) -> dict[str, Any]:
    return {
        "kind": verdict.kind.value,
        "reason": verdict.reason.value,
        "detail": verdict.detail,
        "subject": mail.subject,
        "from": _address(mail.from_),
        "reply_to": [_address(a) for a in mail.reply_to],
        "to": [_address(a) for a in mail.to],
        "cc": [_address(a) for a in mail.cc],
        "date": mail.date.isoformat() if mail.date else None,
        "message_id": mail.message_id or None,
        "in_reply_to": list(mail.in_reply_to),
        "references": list(mail.references),
        "reply_text": own_text(mail.segments),
        "html": mail.html_raw or None,
        "segments": [{"kind": s.kind.value, "text": s.text} for s in mail.segments],
        "forwarded": [_forwarded(f) for f in mail.forwarded],
        "attachments": [
            {"filename": a.filename, "content_type": a.content_type, "size": a.size, "inline": a.is_inline}
            for a in mail.attachments
        ],
        "signatures": [
            {"filename": a.filename, "content_type": a.content_type, "size": a.size} for a in mail.signatures
        ],
        "bounce": _bounce(verdict),
        "auto_reply": _auto_reply(verdict.auto_reply),
        "calendar": _calendar(verdict.meeting) if verdict.meeting else None,
        "form": _form(verdict.form),
        "language": mail.language or None,
        "defects": list(mail.defects),
        "written_by": _written_by(mail.written_by),
        "phishing": str(verdict.phishing) if verdict.phishing else None,
    }


def _auto_reply(said: AutoReply | None) -> dict[str, Any] | None:
    if said is None:
        return None
    return {"type": said.type.value, "until": said.until or None, "stand_in": _address(said.stand_in)}


def _calendar(meeting: Meeting) -> dict[str, Any]:
    return {
        "method": meeting.method,
        "uid": meeting.uid or None,
        "summary": meeting.summary or None,
        "start": meeting.start or None,
        "end": meeting.end or None,
        "location": meeting.location or None,
        "organizer": _address(meeting.organizer),
        "attendees": [{"name": a.name, "address": a.address, "answer": a.answer or None} for a in meeting.attendees],
        "cancelled": meeting.is_cancelled,
        "recurring": meeting.is_recurring,
    }


def _form(form: FormFields | None) -> dict[str, Any] | None:
    if form is None:
        return None
    return {
        **(_address(form.person) or {"name": None, "address": None}),
        "phone": form.phone or None,
        "company": form.company or None,
        "message": form.message or None,
        "fields": [{"name": name, "value": value} for name, value in form.fields],
    }


def _written_by(found: WrittenBy | None) -> dict[str, str] | None:
    return {"name": found.box.name, "address": found.box.address, "proof": found.proof} if found else None


def _bounce(verdict: Verdict) -> dict[str, Any] | None:
    report = verdict.report
    if report is None:
        return None
    return {
        "recipients": [
            {
                "address": r.address,
                "action": r.action,
                "status": r.status or None,
                "class": _bounce_class(r),
                "diagnostic": r.diagnostic or None,
            }
            for r in report.recipients
        ],
        "original_message_id": report.original_message_id or None,
    }


def _bounce_class(about: ReportRecipient) -> str | None:
    """Hard: it will not work tomorrow either. A full mailbox is soft, whatever its server says."""
    if about.action not in ("failed", "delayed") or not about.status:
        return None
    return "soft" if about.status.startswith("4") or about.status == "5.2.2" else "hard"


def _forwarded(level: Forwarded) -> dict[str, Any]:
    return {
        "from": _address(level.from_),
        "to": [_address(a) for a in level.to],
        "cc": [_address(a) for a in level.cc],
        "date": level.date,
        "subject": level.subject,
        "body": level.body,
    }


def _address(address: Address | None) -> dict[str, str] | None:
    return {"name": address.name, "address": address.address} if address else None


def _placing(mail: ParsedMail, verdict: Verdict, envelope: Envelope, where: _Where | None) -> dict[str, Any]:
    """Author, route and reason as the database stands now; null without one."""
    if where is None:
        return {"author": None, "authentication": None, "route": None, "route_reason": None, "lead_id": None}
    rules, now = rules_of(where.config), utc_now()
    with where.store.read() as session:
        facts = look_up(session, mail, verdict, envelope, rules, where.keyring, now)
    route = decide(mail, verdict, facts, rules, now)
    return {
        "author": facts.author.kind.value,
        "author_proof": facts.author.proof or None,
        "authentication": facts.auth.in_words if facts.auth else None,
        "route": route.kind.value,
        "route_reason": route.reason.value,
        "route_detail": route.detail or None,
        "lead_id": route.lead_id,
        **({"phishing": str(facts.hint)} if facts.hint else {}),  # who bears a name of ours only the database knows
    }


def _in_words(path: Path, answer: dict[str, Any]) -> str:
    return "\n".join(_lines(path, answer)) + "\n"


def _lines(path: Path, answer: dict[str, Any]) -> Iterator[str]:
    sender = answer["from"] or {"name": "", "address": "nobody"}
    yield f"{path}"
    yield f"  from     {sender['name']} <{sender['address']}>"
    yield f"  subject  {answer['subject']}"
    yield f"  verdict  {answer['kind']}, because {answer['reason']} {answer['detail']}".rstrip()
    if answer["route"]:
        yield f"  author   {answer['author']} {answer['author_proof'] or ''}".rstrip()
        yield f"  proof    {answer['authentication'] or 'nobody whom we believe says who sent it'}"
        yield f"  route    {answer['route']}, because {answer['route_reason']} {answer['route_detail'] or ''}".rstrip()
        if answer["lead_id"]:
            yield f"  lead     {answer['lead_id']}"
    else:
        yield "  route    unknown: there is no database to look in"
    if answer["phishing"]:
        yield f"  careful  {answer['phishing']}"
    for line in answer["reply_text"].splitlines():
        yield f"  | {line}"
    for defect in answer["defects"]:
        yield f"  defect   {defect}"
