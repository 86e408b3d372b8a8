"""``spool``: what waits and what was buried; show one, bring one back."""

import sys

import click

from mailcrm.cli.main import Context
from mailcrm.crm.done import NotFound
from mailcrm.ingest.spool import Spool
from mailcrm.process import process_name, utc_now


def _open(context: Context) -> Spool:
    return Spool(context.config().data_dir / "spool", process_name(), utc_now)


@click.group()
def spool() -> None:
    """See what waits and what was buried; bring it back. Works while the daemon runs."""


@spool.command("list")
@click.pass_obj
def list_(context: Context) -> None:
    """Count what waits, and list what was buried with its reason."""
    opened = _open(context)
    try:
        age = opened.oldest_age()
        click.echo(f"waiting: {opened.waiting_count()}" + (f", the oldest for {age:.0f} s" if age else ""))
        for entry in opened.buried():
            click.echo(
                f"{entry.id}  from <{entry.envelope.mail_from if entry.envelope else '?'}>  {entry.size} bytes  {entry.reason}"
            )
    finally:
        opened.close()


@spool.command()
@click.argument("spool_id")
@click.option("--raw", "as_raw", is_flag=True, help="The mail as it came, and nothing else.")
@click.pass_obj
def show(context: Context, spool_id: str, as_raw: bool) -> None:
    """Show a buried mail: envelope, reason, traceback, and the mail."""
    opened = _open(context)
    try:
        entry = next((e for e in opened.buried() if e.id == spool_id), None)
        if entry is None:
            raise NotFound("There is no buried mail %(id)s.", id=spool_id)
        if as_raw:
            sys.stdout.buffer.write(entry.read())
            return
        if entry.envelope:
            click.echo(f"received {entry.envelope.received_at.isoformat()} by {entry.envelope.door}")
            click.echo(f"from <{entry.envelope.mail_from}> to {', '.join(entry.envelope.rcpt_to)}")
        click.echo(entry.reason)
        click.echo(entry.traceback)
        click.echo(entry.read().decode("utf-8", "replace"))
    finally:
        opened.close()


@spool.command()
@click.argument("spool_ids", nargs=-1, required=True)
@click.pass_obj
def replay(context: Context, spool_ids: tuple[str, ...]) -> None:
    """Bring buried mails back; the daemon takes them up at once."""
    opened = _open(context)
    try:
        for spool_id in spool_ids:
            if not opened.replay(spool_id):
                raise NotFound("There is no buried mail %(id)s.", id=spool_id)
            click.echo(f"{spool_id} is waiting again")
    finally:
        opened.close()
