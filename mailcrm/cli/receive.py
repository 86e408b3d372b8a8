"""``receive``: one mail on standard input, for an MTA's pipe. Writes to the spool only; works while the daemon runs or not."""

import logging
import sys

import click

from mailcrm.address import address_key
from mailcrm.cli.main import Context
from mailcrm.config import Config
from mailcrm.ingest.spool import Spool
from mailcrm.mail import ConfigError, Door, Envelope, Permanent, Temporary
from mailcrm.process import process_name, utc_now

log = logging.getLogger(__name__)

_EX_TEMPFAIL = 75


@click.command()
@click.option("--from", "mail_from", required=True, help="The return-path; '' or '<>' for a delivery report.")
@click.option("--to", "rcpt_to", required=True, multiple=True, help="An envelope recipient; give it once for each.")
@click.pass_obj
def receive(context: Context, mail_from: str, rcpt_to: tuple[str, ...]) -> int:
    """Take one mail from standard input.

    \b
    Exit status 0: the mail is durable. 75: try again later (nothing was taken). 1: never, the reason is on standard error.
    Postfix:  mailcrm unix - n n - 10 pipe user=mailcrm argv=/usr/bin/mailcrm receive --from ${sender} --to ${recipient}
    """
    try:
        config = context.config()
    except ConfigError as e:  # an MTA must not bounce mail because of our typing error
        for fault in e.faults:
            click.echo(f"mailcrm: {fault}", err=True)
        return _EX_TEMPFAIL
    try:
        spool_id = _spooled(config, mail_from, rcpt_to)
    except (Permanent, Temporary):
        raise
    except Exception:  # a fault of ours, or of the disk: an MTA bounces the mail on any other status
        log.exception("the mail was not taken")
        return _EX_TEMPFAIL
    click.echo(spool_id)
    return 0


def _spooled(config: Config, mail_from: str, rcpt_to: tuple[str, ...]) -> str:
    """The id of the mail on standard input, durable in the spool; Permanent if it can never be taken."""
    sender = mail_from.strip().strip("<>")
    recipients = tuple(address.strip().strip("<>") for address in rcpt_to)
    strangers = [a for a in recipients if address_key(a).rpartition("@")[2] not in config.mail.domains]
    if strangers:
        raise Permanent("5.1.1", f"{', '.join(strangers)}: not at one of our domains")
    limit = config.smtp.max_size_mb * 1024 * 1024
    raw = sys.stdin.buffer.read(limit + 1)
    if len(raw) > limit:
        raise Permanent("5.3.4", f"the mail is larger than {config.smtp.max_size_mb} MB")
    if not raw.strip():
        raise Permanent("5.6.0", "the mail is empty")
    try:
        spool = Spool(config.data_dir / "spool", process_name(), utc_now)
        try:
            return spool.put(Envelope(sender, recipients, utc_now(), Door.PIPE), raw)
        finally:
            spool.close()
    except OSError as e:
        raise Temporary(f"the spool cannot be written: {e.strerror}") from e
