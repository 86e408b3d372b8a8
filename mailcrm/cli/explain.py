"""``explain``: what a mail is and what would happen to it, and why; changes nothing. What it is needs no database."""

import json
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
from mailcrm.ingest.envelope import envelope_from_headers
from mailcrm.ingest.understand import understand
from mailcrm.mail import Address, ConfigError, Door, Envelope, Forwarded, MailKind, ParsedMail, Temporary, Verdict
from mailcrm.process import quiet_noise, utc_now
from mailcrm.rules import rules_of
from mailcrm.store.engine import Store
from mailcrm.store.keyring import Keyring, load_or_make
from mailcrm.store.migrate import require_current
from mailcrm.threading.lookup import look_up


@click.command()
@click.option("--json", "as_json", is_flag=True, help="One JSON object a line for each mail.")
@click.option(
    "--files-from", type=click.File("r"), help="Read paths from this file, one a line; '-' is standard input."
)
@click.argument("files", nargs=-1, type=click.Path(path_type=Path))
@click.pass_obj
def explain(context: Context, as_json: bool, files_from: Iterable[str] | None, files: tuple[Path, ...]) -> int:
    """Say what each mail is and where it would go. '-' reads one mail from standard input.

    Without a database (or without a configuration) the route is null.
    """
    quiet_noise()
    paths = (Path(line.rstrip("\n")) for line in files_from) if files_from is not None else iter(files or (Path("-"),))
    status = 0
    with ExitStack() as stack:
        where = _where(context, stack)
        for path in paths:
            try:
                answer = explained(_bytes_of(path), where)
            except OSError as e:
                click.echo(f"mailcrm: {path}: {e.strerror}", err=True)
                status = 1
                continue
            click.echo(
                json.dumps({"file": str(path), **answer}, ensure_ascii=False) if as_json else _in_words(path, answer)
            )
            sys.stdout.flush()
    return status


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


def explained(raw: bytes, where: _Where | None = None) -> dict[str, Any]:
    """The whole answer for one mail, as plain values."""
    envelope = _envelope(raw)
    mail, verdict = understand(raw, envelope)
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
        "reply_text": mail.new_text,
        "html": mail.html_raw or None,
        "segments": [{"kind": s.kind.value, "text": s.text} for s in mail.segments],
        "forwarded": [_forwarded(f) for f in mail.forwarded],
        "attachments": [
            {"filename": a.filename, "content_type": a.content_type, "size": a.size, "inline": a.is_inline}
            for a in mail.attachments
        ],
        "bounce": _bounce(verdict),
        "auto_reply": {"type": verdict.reason.value} if verdict.kind is MailKind.AUTO_REPLY else None,
        "calendar": {"method": verdict.calendar_method} if verdict.calendar_method else None,
        "form": None,
        "language": mail.language or None,
        "defects": list(mail.defects),
    }


def _bounce(verdict: Verdict) -> dict[str, Any] | None:
    report = verdict.report
    if report is None:
        return None
    return {
        "recipients": [
            {
                "address": r.address,
                "action": r.action,
                "status": r.status,
                "class": {"5": "hard", "4": "soft"}.get(r.status[:1]),
                "diagnostic": r.diagnostic,
            }
            for r in report.recipients
        ],
        "original_message_id": report.original_message_id or None,
    }


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
        return {"author": None, "route": None, "route_reason": None, "lead_id": None}
    rules, now = rules_of(where.config), utc_now()
    with where.store.read() as session:
        facts = look_up(session, mail, verdict, envelope, rules, where.keyring, now)
    route = decide(mail, verdict, facts, rules, now)
    return {
        "author": facts.author.kind.value,
        "author_proof": facts.author.proof or None,
        "route": route.kind.value,
        "route_reason": route.reason.value,
        "route_detail": route.detail or None,
        "lead_id": route.lead_id,
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
        yield f"  route    {answer['route']}, because {answer['route_reason']} {answer['route_detail'] or ''}".rstrip()
        if answer["lead_id"]:
            yield f"  lead     {answer['lead_id']}"
    else:
        yield "  route    unknown: there is no database to look in"
    for line in answer["reply_text"].splitlines():
        yield f"  | {line}"
    for defect in answer["defects"]:
        yield f"  defect   {defect}"
