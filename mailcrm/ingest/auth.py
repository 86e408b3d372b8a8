"""Authentication-Results fields (RFC 8601) as values.

Own reader because the known library fails on Exchange Online's form without an authserv-id; that form gets the id "".
Nothing is believed here: ``threading.lookup`` compares the id and the place with the relays we were told to trust.
"""

import re

from mailcrm.ingest.headers import Headers, unescape
from mailcrm.mail import AuthResults

_LONGEST = 8_000
_MOST = 20
_METHOD = re.compile(r"\s*([a-z][a-z0-9-]{0,30})(?:/\d{1,3})?\s{0,5}=\s{0,5}([a-z]{1,20})", re.IGNORECASE)
_PROPERTY = re.compile(r"(?<!\S)([a-z]{1,20}\.[a-z0-9_-]{1,30})\s{0,5}=\s{0,5}(\S{1,1000})", re.IGNORECASE)
_MASKED = frozenset(' \t\r\n;=()"\\')


def auth_results(headers: Headers) -> tuple[AuthResults, ...]:
    """Every Authentication-Results field, in header order. What is too long to be read whole says nothing."""
    found: list[AuthResults] = []
    received = 0
    for name, value in headers.fields:
        if name == "received":
            received += 1
        elif name == "authentication-results" and len(found) < _MOST:
            found.append(_read(_plain(unescape(value)) if len(value) <= _LONGEST else "", received))
    return tuple(found)


def _plain(text: str) -> str:
    """The field without comments, and with quoted strings as words, so that nothing a sender chose can pose as a result.

    A relay repeats the envelope sender, whose local part may hold nearly anything in quotes: semicolons, escaped quotes, encoded
    words (there are none in this field, so they are not decoded). A comment with a quote in it cannot be told from a forged end of
    the comment; neither it nor what follows is read, nor what follows an open quote or comment.
    """
    out: list[str] = []
    depth = 0
    is_quoted = is_escaped = False
    for char in text:
        if is_escaped:
            is_escaped = False
            out.append("_" if is_quoted else "")
        elif char == "\\" and (is_quoted or depth):
            is_escaped = True
        elif char == '"' and depth:
            break
        elif char == '"':
            is_quoted = not is_quoted
        elif is_quoted:
            out.append("_" if char in _MASKED else char)
        elif char == "(":
            depth += 1
        elif char == ")" and depth:
            depth -= 1
        elif not depth:
            out.append(char)
    return "".join(out)


def _read(text: str, received_above: int) -> AuthResults:
    head, *rest = text.split(";")
    authserv_id = ""
    if _METHOD.match(head):
        rest = [head, *rest]
    elif head.split():
        authserv_id = head.split()[0].lower()
    results: list[tuple[str, str]] = []
    dkim: list[str] = []
    spf = dmarc = ""
    for part in rest:
        match = _METHOD.match(part)
        if match is None:
            continue
        method, result = match.group(1).lower(), match.group(2).lower()
        results.append((method, result))
        properties = {name.lower(): value for name, value in reversed(_PROPERTY.findall(part[match.end() :]))}
        if result != "pass":
            continue
        if method == "dkim" and (signer := properties.get("header.d") or properties.get("header.i", "")):
            dkim.append(_domain(signer))
        elif method == "spf" and not spf:
            spf = _domain(properties.get("smtp.mailfrom", ""))
        elif method == "dmarc" and not dmarc:
            dmarc = _domain(properties.get("header.from", ""))
    return AuthResults(authserv_id, received_above, tuple(results), tuple(dkim), spf, dmarc)


def _domain(value: str) -> str:
    return value.rpartition("@")[2].strip("<>").rstrip(".").lower()
