"""Reading mail in other processes."""

from functools import partial
from pathlib import Path

from mailcrm.apart import Apart
from mailcrm.config import Config
from mailcrm.ingest.classify import SpamValues, spam_values
from mailcrm.ingest.understand import understand
from mailcrm.mail import Envelope, ParsedMail, Verdict

Mail = tuple[bytes, Envelope]
Understood = tuple[ParsedMail, Verdict]
Reader = Apart[Mail, Understood]


_LARGE = 1 << 20


def reader(processes: int, spam: SpamValues | None = None, folder: Path | None = None) -> Reader:
    """``processes`` 0 reads in the calling thread. ``spam``: the configured header map, if there is one.

    Large mails go to the processes and back by files in ``folder``.
    """
    return Apart(partial(_read, spam=spam), processes, _is_large, folder)


def _is_large(mail: Mail) -> bool:
    return len(mail[0]) > _LARGE


def configured_spam(config: Config) -> SpamValues | None:
    """The header map with what the configuration adds; None where it says nothing."""
    return spam_values(config.ingest.spam_headers) if config.ingest.spam_headers else None


def _read(mail: Mail, spam: SpamValues | None) -> Understood:
    raw, envelope = mail
    return understand(raw, envelope, spam)
