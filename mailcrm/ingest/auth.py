"""Authentication-Results fields (RFC 8601) as values.

Own reader because the known library fails on Exchange Online's form without an authserv-id; that form gets the id "".
Nothing is believed here: ``threading.lookup`` compares the id and the place with the relays we were told to trust.
"""

import re

from mailcrm.ingest.headers import Headers, header_text
from mailcrm.mail import AuthResults

_LONGEST = 8_000
_MOST = 20
_METHOD = re.compile(r"\s*([a-z][a-z0-9-]{0,30})(?:/\d{1,3})?\s{0,5}=\s{0,5}([a-z]{1,20})", re.IGNORECASE)
_PROPERTY = re.compile(
    r"([a-z]{1,20}\.[a-z0-9_-]{1,30})\s{0,5}=\s{0,5}(\"[^\"]{0,300}\"|[^\s;\"]{1,300})", re.IGNORECASE
)


def auth_results(headers: Headers) -> tuple[AuthResults, ...]:
    """Every Authentication-Results field, in header order."""
    found: list[AuthResults] = []
    received = 0
    for name, value in headers.fields:
        if name == "received":
            received += 1
        elif name == "authentication-results" and len(found) < _MOST:
            found.append(_read(_without_comments(header_text(value[:_LONGEST])), received))
    return tuple(found)


def _without_comments(text: str) -> str:
    """Comments nest and may hold semicolons and lies ("dkim=pass"); quoted strings are kept."""
    out: list[str] = []
    depth = 0
    in_quotes = False
    for char in text:
        if char == '"' and not depth:
            in_quotes = not in_quotes
        if char == "(" and not in_quotes:
            depth += 1
        elif char == ")" and depth:
            depth -= 1
        elif not depth:
            out.append(char)
    return "".join(out)


def _split(text: str) -> list[str]:
    """Cut at semicolons outside quoted strings, so that a quoted local part cannot pose as a result."""
    parts: list[str] = [""]
    in_quotes = False
    for char in text:
        if char == '"':
            in_quotes = not in_quotes
        if char == ";" and not in_quotes:
            parts.append("")
        else:
            parts[-1] += char
    return parts


def _read(text: str, received_above: int) -> AuthResults:
    head, *rest = _split(text)
    authserv_id = ""
    if _METHOD.match(head):
        rest = [head, *rest]
    elif head.split():
        authserv_id = head.split()[0].strip('"').lower()
    results: list[tuple[str, str]] = []
    dkim: list[str] = []
    spf = dmarc = ""
    for part in rest:
        match = _METHOD.match(part)
        if match is None:
            continue
        method, result = match.group(1).lower(), match.group(2).lower()
        results.append((method, result))
        properties = {
            name.lower(): value.strip('"') for name, value in reversed(_PROPERTY.findall(part[match.end() :]))
        }
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
