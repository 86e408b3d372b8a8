"""A delivery report in words: whom it is about, what became of the mail.

Asked only of mails that a machine is known to have written. What comes back below the report is cut off first; then each address
above it is judged by the line it stands in and the lines around: alone on its line, before a colon, behind "Recipient:", under a
sentence of failure. A report that names nobody is about the addressee of the mail it returns.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import islice

from mailcrm.ingest import report_words as words
from mailcrm.ingest.bounce_status import ADDRESS, MOST_RECIPIENTS, STATUS
from mailcrm.ingest.headers import Headers
from mailcrm.mail import ReportRecipient

_LOOKED_AT = 20_000
_MOST_LINES = 600
_LONGEST_LINE = 1_000
_MOST_ALIASES = 100
_RETURNED_LOOKED_AT = 20_000
_REPLY_CODE = re.compile(r"(?<![\d.#:-])([45]\d\d)(?=[ -])")
_ENOUGH = 4  # points that make an address a recipient
_ALONE = re.compile(
    r"[\s\-*>•'\"<(]{0,20}(?:smtp:)?[^\s<>]{1,64}@[^\s<>]{1,255}?[>'\")]{0,3}(?:\s?\([^()]{0,80}\))?\s{0,5}[:,;.]?\s{0,5}",
    re.IGNORECASE,
)
_BEFORE_COLON = re.compile(r"\s{0,20}<?[^\s<>]{1,64}@[^\s<>]{1,255}?>?\s{0,3}:\s")
_LEADS = re.compile(r"\s{0,20}[\"'<]?[^\s<>\"']{1,64}@[^\s<>\"']{1,255}[>\"']?\s")
_FROM_ALIAS = re.compile(
    r"(?:generated|expanded|forwarded) from\s{1,5}<?([^\s<>()]{1,64}@[^\s<>()]{1,255})", re.IGNORECASE
)
_ORIGINALLY = re.compile(
    r"(?:original address:|originally addressed to)\s{0,5}<?([^\s<>()]{1,64}@[^\s<>()]{1,255})", re.IGNORECASE
)
_HEADER_LINE = re.compile(
    r"(?:received|return-path|dkim-signature|message-id|mime-version|from|to|subject|date|x-[a-z-]{2,40}|content-type):\s",
    re.IGNORECASE,
)
_X400 = re.compile(r"^[^@]{0,80}\bsmtp[=:]", re.IGNORECASE)
_LABELS = (
    "rcpt to", "recipient:", "recipient address:", "failed address", "rcpt=", "final-recipient", "unable to deliver message to",
    "message to:", "mail to:", "your message to", "your mail to", "your email to", "your e-mail to",
)  # fmt: skip
_FIELD_OF_ORIGINAL = ("to:", "cc:", "an:", "à :", "para:", "vastaanottaja:", "till:", "kopio:")
_FOR = re.compile(r"\bfor\s{1,5}<([^\s<>]{1,64}@[^\s<>]{1,255})>")


@dataclass(frozen=True, slots=True)
class Prose:
    """A report's words, and the mail below them."""

    above: str
    below: str


def split(text: str) -> Prose:
    """The report, and what is returned below it: from its heading, or from the first of several header lines, on."""
    place = 0
    text = text.replace("’", "'")
    lines = text[: _LOOKED_AT + _RETURNED_LOOKED_AT].split("\n")[: 2 * _MOST_LINES]
    for number, line in enumerate(lines):
        if place > _LOOKED_AT or (number > 1 and (_is_heading(line) or _is_header(lines, number))):
            break
        place += len(line) + 1
    return Prose(text[:place], text[place : place + _RETURNED_LOOKED_AT])


def _is_heading(line: str) -> bool:
    folded = line.strip("- >=*#|_+.\t")[:80].lower()
    if len(folded) > 70 or not folded:
        return False
    return folded.startswith(words.RETURNED) and not folded.startswith(words.NOT_RETURNED) and "@" not in folded


def _is_header(lines: list[str], number: int) -> bool:
    """Three header fields one below the other, or a trace field: the returned mail without a heading."""
    line = lines[number]
    if line.startswith(("Received:", "Return-Path:", "DKIM-Signature:", "Return-path:")):
        return True
    if not _HEADER_LINE.match(line) or lines[number - 1].strip():
        return False
    names = {found.group().lower() for one in lines[number : number + 6] if (found := _HEADER_LINE.match(one))}
    return len(names) >= 3 and "from: " in names


def says_failure(prose: Prose) -> bool:
    """Whether the report's own words, or its codes, say that something was not delivered, or is late, or was."""
    folded = prose.above.lower()
    if words.FAILURES.search(folded) or words.DELAYS.search(folded) or words.SUCCESS.search(folded):
        return True
    return says_code(prose) or _codes_below(prose)


def says_code(prose: Prose) -> bool:
    """Whether a line holds an address and a mail server's code."""
    return any(ADDRESS.search(line) and (STATUS.search(line) or _REPLY_CODE.search(line)) for line in _lines(prose))


def _codes_below(prose: Prose) -> bool:
    """An address alone in its line, and a code in one of the next: what a report in an unknown language has too."""
    lines = _lines(prose)
    return any(
        "@" in line and _ALONE.fullmatch(line) and any(STATUS.search(below) for below in lines[number + 1 : number + 4])
        for number, line in enumerate(lines)
    )


def names_surely(prose: Prose) -> bool:
    """Whether an address stands as reports place the recipient's: alone, before a colon, behind "Recipient:"."""
    return any(
        _ALONE.fullmatch(line) or _BEFORE_COLON.match(line) or _has(line.lower(), _LABELS)
        for line in _lines(prose)
        if "@" in line
    )


def recipients(prose: Prose, headers: Headers, named: tuple[str, ...] = ()) -> tuple[ReportRecipient, ...]:
    """The recipients the report surely names: in a field of the header (``named``), or by where they stand in its lines."""
    found = _written_to(prose.above, named) if named else _wanted(_judged(prose, headers), _ENOUGH)
    return _all(found, prose, headers)


def guessed(prose: Prose, headers: Headers, addressees: list[str]) -> tuple[ReportRecipient, ...]:
    """Where nothing is sure: the only address there is, else whom the returned mail was for, else the first of several, else that
    of the subject."""
    weak = _wanted(_judged(prose, headers), 0)
    returned = addressees or _addressee(prose.below, _own(headers))
    found = weak[:1] if len(weak) == 1 or not returned else returned[:1]
    return _all(found or _addresses_of(headers.first("subject"), _own(headers))[:1], prose, headers)


def _all(addresses: Sequence[str], prose: Prose, headers: Headers) -> tuple[ReportRecipient, ...]:
    """Each with what is said near it, else with what the report says anywhere."""
    action, lines = action_of(prose, headers.first("subject")), _lines(prose)
    keys = [address.lower() for address in dict.fromkeys(addresses)][:MOST_RECIPIENTS]
    near = _near(set(keys), lines) if keys else {}
    anywhere = (status_in("\n".join(lines), action), _said(lines)) if keys else ("", "")
    found: list[ReportRecipient] = []
    for address in list(dict.fromkeys(addresses))[:MOST_RECIPIENTS]:
        about = near.get(address.lower(), [])
        status = status_in("\n".join(about), action) or anywhere[0]
        found.append(ReportRecipient(address, action, status, (_said(about) or anywhere[1])[:1_000]))
    return tuple(found)


def _own(headers: Headers) -> set[str]:
    return {address.lower() for address in ADDRESS.findall(" ".join(map(headers.first, ("from", "to", "sender"))))}


def _wanted(judged: list[tuple[int, str]], enough: int) -> list[str]:
    return [address for points, address in judged if points >= enough]


def _lines(prose: Prose) -> list[str]:
    return [line[:_LONGEST_LINE] for line in prose.above.split("\n")[:_MOST_LINES]]


# --- whom ---------------------------------------------------------------------------------------------------------------


def _judged(prose: Prose, headers: Headers) -> list[tuple[int, str]]:
    """Every address above the returned mail with its points, in order."""
    lines, own = _lines(prose), _own(headers)
    points: dict[str, tuple[int, str]] = {}
    says_so = False  # a sentence of failure stands above; it may run over two lines
    previous = ""
    for number, line in enumerate(lines):
        folded = line.lower()
        is_sentence = bool(words.FAILURES.search(folded))
        addresses = _addresses_of(line, own) if "@" in line else []
        following = lines[number + 1].lower() if number + 1 < len(lines) else ""
        around = (previous, following)
        score = _points(line, folded, around, is_sentence, says_so=says_so) if addresses else 0
        for address in addresses:
            points[address.lower()] = max(points.get(address.lower(), (-9, "")), (score, address))
        says_so = says_so or is_sentence or bool(words.DELAYS.search(f"{folded} {following}"))
        previous = folded if folded.strip() else previous
    _aliased(prose.above, points)
    return list(points.values())


def _addresses_of(line: str, own: set[str]) -> list[str]:
    found = [_X400.sub("", match.group()).strip(".'`*=").rstrip("-") for match in ADDRESS.finditer(line)]
    return [address for address in found if "@" in address[1:] and address.lower() not in own]


def _points(line: str, folded: str, around: tuple[str, str], is_sentence: bool, *, says_so: bool) -> int:
    """How surely an address in this line is that of the recipient."""
    score = -3 if not says_so and folded.strip().startswith(_FIELD_OF_ORIGINAL) else 0
    if _ALONE.fullmatch(line):
        score += 5 if says_so else 3
    elif _BEFORE_COLON.match(line) or _has(folded, _LABELS):
        score += 5
    elif is_sentence:
        score += 4
    elif _LEADS.match(line) and words.FAILURES.search(around[0]):
        score += 3
    if _has(folded, words.BESIDE):
        score += 1
    if STATUS.search(line) or _REPLY_CODE.search(line):
        score += 1
    if any(words.FAILURES.search(near) or words.DELAYS.search(near) for near in around):
        score += 2
    elif says_so:
        score += 1
    return score - (6 if _has(folded, words.ASIDE) and not _BEFORE_COLON.match(line) else 0)


def _aliased(text: str, points: dict[str, tuple[int, str]]) -> None:
    """ "laine@host.example (generated from carol@x.example)": the second is whom we wrote to."""
    for pattern in (_FROM_ALIAS, _ORIGINALLY):
        for match in islice(pattern.finditer(text), _MOST_ALIASES):
            before = ADDRESS.findall(text, max(0, match.start() - 200), match.start())
            points.pop(before[-1].strip(".'").lower() if before else "", None)
            address = match.group(1).strip(".,;)'")
            points[address.lower()] = (9, address)


def _written_to(text: str, named: tuple[str, ...]) -> tuple[str, ...]:
    """The addresses we wrote to, where the report says of which alias a named one was made."""
    points: dict[str, tuple[int, str]] = {address.lower(): (0, address) for address in named}
    _aliased(text, points)
    return tuple(dict.fromkeys(address for _, address in points.values()))


def _addressee(returned: str, own: set[str]) -> list[str]:
    """The one addressee of the mail that came back; of several nobody can tell."""
    for line in returned.split("\n")[:_MOST_LINES]:
        if line[:3].lower() == "to:":
            found = [address.strip(".'") for address in ADDRESS.findall(line)]
            if len(found) == 1 and found[0].lower() not in own:
                return found
    hops = [address for address in _FOR.findall(returned) if address.lower() not in own]
    return hops[:1] if len({hop.lower() for hop in hops}) == 1 else []


def addressee_of(headers: Headers) -> list[str]:
    """The same, where the returned mail is a part with fields of its own."""
    found = [address.strip(".'") for value in headers.all("to") for address in ADDRESS.findall(value)]
    return found if len(set(found)) == 1 else []


# --- what -----------------------------------------------------------------------------------------------------------------


def action_of(prose: Prose, subject: str) -> str:
    """Failures, delays and successes share words: the subject says first, then the sentences about what happens next."""
    subject, text = subject.lower(), prose.above.lower()
    if _has(subject, words.DELAY_SUBJECTS):
        return "delayed"
    if words.DELAYS.search(text) and not words.PERMANENT.search(text):
        return "delayed"
    is_success = _says_success(f"{subject}\n{text[:1_500]}")
    return (
        "delivered" if is_success and not _has(subject, ("undeliver", "fail", "not delivered", "return")) else "failed"
    )


def _says_success(text: str) -> bool:
    """A sentence of success, without a "not" before it."""
    for match in islice(words.SUCCESS.finditer(text), 20):
        before = text[max(0, match.start() - 60) : match.start()]
        if not words.NEGATION.search(re.split(r"[.!\n]", before)[-1]):
            return True
    return False


def _near(keys: set[str], lines: list[str]) -> dict[str, list[str]]:
    """For each address the lines from the first that names it to the one that names another, twelve at most."""
    found: dict[str, list[str]] = {}
    for number, line in enumerate(lines):
        folded = line.lower()
        named = {address.strip(".'`*=").lower() for address in ADDRESS.findall(folded)} if "@" in line else set()
        for key in (keys & named) - found.keys() if "from:" not in folded else ():
            end = number + 1
            while end < min(len(lines), number + 12) and (
                key in lines[end].lower() or not _ALONE.fullmatch(lines[end])
            ):
                end += 1
            found[key] = lines[number:end]
    return found


def _said(lines: list[str]) -> str:
    """The line with a code, else the sentence of failure."""
    said = next((line for line in lines if STATUS.search(line) or _REPLY_CODE.search(line)), "")
    return " ".join((said or next((line for line in lines if words.FAILURES.search(line.lower())), "")).split())


def status_in(text: str, action: str) -> str:
    """The code written in the text, else the one its words mean."""
    if match := STATUS.search(text):
        return match.group(1)
    folded = text.lower()
    if action == "delivered":
        return ""
    for status, pattern in words.MEANINGS:
        if pattern.search(folded):
            return "4" + status[1:] if action == "delayed" else status
    return ""


def _has(text: str, phrases: tuple[str, ...]) -> bool:
    return any(map(text.__contains__, phrases))
