"""Understanding, whole: bytes and envelope to a mail and what kind of mail it is.

Pure and picklable, so that it can run in a process pool; it never raises.
"""

from dataclasses import replace

from mailcrm.ingest.classify import SpamValues, classify
from mailcrm.ingest.parse import read
from mailcrm.mail import Envelope, MailKind, ParsedMail, Reason, Verdict


def understand(raw: bytes, envelope: Envelope, spam: SpamValues | None = None) -> tuple[ParsedMail, Verdict]:
    """The mail, read, and its verdict. ``spam``: the header map, where it is not the one known out of the box."""
    mail, clues = read(raw, envelope)
    if spam is not None:
        clues = replace(clues, spam_values=spam)
    try:
        return mail, classify(mail, clues, envelope)
    except Exception as fault:  # noqa: BLE001 - a rule that fails must not lose the mail: a person looks at it
        noted = replace(mail, defects=(*mail.defects, f"classify: {type(fault).__name__}"))
        return noted, Verdict(MailKind.HUMAN, Reason.UNREADABLE, type(fault).__name__)
