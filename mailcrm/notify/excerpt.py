"""The beginning of a stored mail's text, for a question about it. Pure; never raises."""

import email
import email.errors
import email.policy

LIMIT = 500


def excerpt(raw: bytes) -> str:
    """The first 500 characters of the first plain text part, "" where there is none that can be read."""
    try:
        mail = email.message_from_bytes(raw[:1_000_000], policy=email.policy.default)
        part = mail.get_body(("plain",))
        text = part.get_content() if part is not None else ""
    except (LookupError, ValueError, TypeError, AttributeError, email.errors.MessageError):
        return ""  # a question without a quote is still a question
    return str(text).replace("\r\n", "\n").strip()[:LIMIT]
