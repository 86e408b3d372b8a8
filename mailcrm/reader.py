"""Reading mail in other processes."""

from mailcrm.apart import Apart
from mailcrm.ingest.understand import understand
from mailcrm.mail import Envelope, ParsedMail, Verdict

Mail = tuple[bytes, Envelope]
Understood = tuple[ParsedMail, Verdict]
Reader = Apart[Mail, Understood]


def reader(processes: int) -> Reader:
    """``processes`` 0 reads in the calling thread."""
    return Apart(_read, processes)


def _read(mail: Mail) -> Understood:
    raw, envelope = mail
    return understand(raw, envelope)
