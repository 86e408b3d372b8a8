"""Reading mail in other processes."""

from functools import partial

from mailcrm.apart import Apart
from mailcrm.config import Config
from mailcrm.ingest.classify import SpamValues, spam_values
from mailcrm.ingest.understand import understand
from mailcrm.mail import Envelope, ParsedMail, Verdict

Mail = tuple[bytes, Envelope]
Understood = tuple[ParsedMail, Verdict]
Reader = Apart[Mail, Understood]


def reader(processes: int, spam: SpamValues | None = None) -> Reader:
    """``processes`` 0 reads in the calling thread. ``spam``: the configured header map, if there is one."""
    return Apart(partial(_read, spam=spam), processes)


def configured_spam(config: Config) -> SpamValues | None:
    """The header map with what the configuration adds; None where it says nothing."""
    return spam_values(config.ingest.spam_headers) if config.ingest.spam_headers else None


def _read(mail: Mail, spam: SpamValues | None) -> Understood:
    raw, envelope = mail
    return understand(raw, envelope, spam)
