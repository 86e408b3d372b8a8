"""The block of header lines that mail programs write above a quoted or forwarded mail.

``read_block`` looks at the lines from one index on and answers with the block or None; it looks at a bounded number of
lines, so a scan over a whole body is linear. A block has a From label and at least two others (one other below a
separator).
"""

import re
from dataclasses import dataclass

from mailcrm.ingest.charset import composed
from mailcrm.ingest.phrases import END_WORDS, FORWARD_STEMS, FORWARDED, LABELS, ORIGINAL, ORIGINAL_STEMS, WROTE

_LONGEST_LABEL = 34
_LONGEST_LINE = 2_000
_MOST_COLONS = 24
_MOST_LINES = 24  # a block with long recipient lists, wrapped
_MOST_CONTINUED = 6
_LONGEST_FOREIGN_LABEL = 16
_WROTE_ENDS = tuple(f" {word}" for word in WROTE)
_INVISIBLE = re.compile("[\u200b-\u200f\u202a-\u202e\u2066-\u2069\ufeff]")
_CLOCK = re.compile(r"\d{1,2}:\d{2}")
_HOUR = re.compile(r"(?<![\d.])\d{1,2}(?:[:.]\d{2}(?![\d.])|\s?[h時时시])")
_NOTES_WHEN = re.compile(
    r"(?<!\d)\d{1,4}[./-]\d{1,2}[./-]\d{2,4},?[ ]{1,3}\d{1,2}:\d\d(?::\d\d)?(?:[ ]?[AP]M)?(?:[ ][A-Z]{3,4})?$"
)
_FIELD_NAME = re.compile(r"[A-Z][A-Za-z]{0,14}(?:-[A-Z][A-Za-z]{0,14}){1,4}")  # "User-Agent"
_COLONLESS = ("from", "to", "cc", "date", "subject")
_DASHES = ("---", "___", "===", "***", "~~~", "———", "–––", "───")
_LONGEST_BETWEEN_DASHES = 80
_EDGES = "-_=~—–―─#:：\ufeff\u200b\u200e\u200f\u202a\u202b"
_DECORATION = " \t*_>|\xa0\u3000"


@dataclass(frozen=True, slots=True)
class Block:
    """Values by field name (from, date, to, cc, subject, …) and the index of the first line below."""

    fields: dict[str, str]
    end: int


def bare(line: str) -> str:
    """The line without quote marks, emphasis and invisible direction marks, cut to what matching needs."""
    return visible(line[:_LONGEST_LINE]).strip(_DECORATION)


def visible(text: str) -> str:
    """The text without invisible direction marks, letters composed."""
    return text if text.isascii() else composed(_INVISIBLE.sub("", text), "NFC")


def label_of(line: str) -> str:
    """The field name the line is a label of, or ""."""
    return _split(line)[0]


def _split(line: str) -> tuple[str, str]:
    if ":" not in line[:60] and "：" not in line[:60]:
        return "", ""
    text = bare(line)
    head = text[:_LONGEST_LABEL]
    colon = _colon(head)
    if colon < 1:
        return "", ""
    label = head[:colon].strip(_DECORATION)
    kind = LABELS.get(label.casefold(), "") or ("other" if _FIELD_NAME.fullmatch(label) else "")
    return kind, text[colon + 1 :].strip(_DECORATION)


def _colon(head: str) -> int:
    places = [place for mark in ":：" if (place := head.find(mark)) >= 0]
    return min(places, default=-1)


def read_block(lines: list[str], start: int, *, is_below_separator: bool = False) -> Block | None:
    """The header block whose first label is on the line ``start``."""
    if is_below_separator and (bare_block := _without_colons(lines, start)) is not None:
        return bare_block
    one_line = _one_line(lines[start]) if lines[start].count(":") + lines[start].count("：") > 2 else {}
    first = _split(lines[start])[0]
    if (not first or first in ("other", "reply_to", "bcc")) and not one_line:
        return None
    fields, end = _collect(lines, start)
    if len(one_line) > len(fields):
        fields, end = one_line, start + 1
    known = {"from", "date", "to", "cc", "subject"} & fields.keys()
    if "from" not in known or len(known) < (2 if is_below_separator else 3):
        return None if not _is_short_block(fields, known) else Block(fields, end)
    if not is_below_separator and (not _is_written_by_program(fields, first) or _goes_on(fields, lines, end)):
        return None  # "From: Bristol, To: Helsinki, Date: Monday" is an order
    return Block(fields, end)


def is_block_below_rule(lines: list[str], start: int) -> bool:
    """Whether a block begins there. A rule says less than a separator's words do: people rule off lists of their own."""
    block = read_block(lines, start, is_below_separator=True)
    return block is not None and _is_written_by_program(block.fields, label_of(lines[start]) or "from")


def _without_colons(lines: list[str], start: int) -> Block | None:
    """eM Client writes labels without colons below its separator: "From "Carol" <carol@x.example>"."""
    fields: dict[str, str] = {}
    for index in range(start, min(len(lines), start + len(_COLONLESS))):
        label, _, value = bare(lines[index]).partition(" ")
        kind = LABELS.get(label.casefold(), "")
        is_first_wrong = not fields and (kind != "from" or "@" not in value)
        if kind not in _COLONLESS or kind in fields or is_first_wrong or value[:1] in (":", "："):
            break
        fields[kind] = value.strip(_DECORATION)
    return Block(fields, start + len(fields)) if len(fields) >= 3 else None


def _is_written_by_program(fields: dict[str, str], first: str) -> bool:
    """With an address, or From first and a clock: programs print one or the other, people's own forms seldom do."""
    if "@" in fields.get("from", "") + fields.get("to", ""):
        return True
    date = fields.get("date", "")
    if "subject" in fields:
        return first == "from" and _HOUR.search(date) is not None
    return _CLOCK.search(date) is not None


def _goes_on(fields: dict[str, str], lines: list[str], end: int) -> bool:
    """A carrier's page says From, Sent and To as well; its list goes on with a label that no program writes."""
    if "subject" in fields or "@" in fields.get("from", "") + fields.get("to", ""):
        return False
    return end < len(lines) and 0 < bare(lines[end]).find(":") <= _LONGEST_FOREIGN_LABEL


def _is_short_block(fields: dict[str, str], known: set[str]) -> bool:
    """From and Date alone, if both look written by a program."""
    return known == {"from", "date"} and "@" in fields["from"] and _CLOCK.search(fields["date"]) is not None


def notes_block(lines: list[str], start: int) -> tuple[int, int]:
    """Old Notes: name and date without labels, To and Subject below with them; where it begins and ends, or twice ``start``.

    The line ``start`` ends in the date; the name stands before it or on the line above.
    """
    text = lines[start].rstrip()[: _LONGEST_BETWEEN_DASHES + 40]
    when = _NOTES_WHEN.search(text) if text[-1:].isdigit() or text[-1:] in "MTZ" else None
    if when is None:
        return start, start
    kinds: list[str] = []
    end = start
    for index in range(start + 1, min(len(lines), start + 14)):
        label = bare(lines[index])[:_LONGEST_LABEL].partition(" ")[0]
        kind = label_of(lines[index]) or LABELS.get(label.casefold(), "")
        if kind and not kinds and kind not in ("to", "reply_to"):
            break
        if kind:
            kinds.append(kind)
            end = index + 1
    if "to" not in kinds or "subject" not in kinds:
        return start, start
    has_name = any(char.isalpha() for char in text[: when.start()])
    above = lines[start - 1].strip() if start and not has_name else ""
    return start - (0 < len(above) < 80 and above[-1] not in ".!?:,"), end


def _collect(lines: list[str], start: int) -> tuple[dict[str, str], int]:
    fields: dict[str, str] = {}
    end, last, continued = start, "", 0
    for index in range(start, min(len(lines), start + _MOST_LINES)):
        kind, value = _split(lines[index])
        if kind and kind in fields and kind != "other":
            break  # the next block
        if kind:
            fields[kind] = value
            end, last, continued = index + 1, kind, 0
        elif not bare(lines[index]):
            if _next_label(lines, index) in ("", *fields.keys()):
                break
            last = ""
        elif last and (not fields[last] or _continues(lines, index, last)) and continued < _MOST_CONTINUED:
            fields[last] = f"{fields[last]} {bare(lines[index])}".strip()
            end, continued = index + 1, continued + 1
        else:
            break
    return fields, end


def _next_label(lines: list[str], index: int) -> str:
    """The label below some blank lines: HTML turned into text may hold them between labels."""
    for line in lines[index + 1 : index + 4]:
        if bare(line):
            return label_of(line)
    return ""


def _continues(lines: list[str], index: int, last: str) -> bool:
    """A wrapped value: recipients go on, a line begins with white space as in a mail, or another label follows soon."""
    if last in ("to", "cc", "bcc", "from") and ("@" in lines[index] or bare(lines[index]).endswith((";", ","))):
        return True
    if last in ("from", "date") and 0 < bare(lines[index]).find(":") <= _LONGEST_FOREIGN_LABEL:
        return False  # a person's own list goes on with a label that no program writes
    if lines[index][:1] in (" ", "\t") and lines[index - 1][:1] not in (" ", "\t"):
        return True
    return any(label_of(line) for line in lines[index + 1 : index + 3])


def _one_line(line: str) -> dict[str, str]:
    """Yahoo and some gateways put the whole block on one line: "From: x To: y Sent: z Subject: s"."""
    text = tail_of(line)[:_LONGEST_LINE]
    marks: list[tuple[str, int, int]] = []
    for colon in [place for place, char in enumerate(text) if char in ":："][:_MOST_COLONS]:
        found = _label_before(text, colon)
        if not marks and (found is None or found[1] > 0):
            return {}
        if found and found[0] not in {mark[0] for mark in marks}:
            marks.append((found[0], found[1], colon))
    fields: dict[str, str] = {}
    for place, (kind, _, colon) in enumerate(marks):
        end = marks[place + 1][1] if place + 1 < len(marks) else len(text)
        fields[kind] = text[colon + 1 : end].strip(_DECORATION)
    return fields


def _label_before(text: str, colon: int) -> tuple[str, int] | None:
    """The longest label that ends at the colon. Labels may be glued to the value before them: "…CETBetreff:"."""
    for start in range(max(0, colon - _LONGEST_LABEL), colon):
        starts_well = start == 0 or not text[start - 1].isalnum() or not text[start].islower()
        if starts_well and (kind := LABELS.get(text[start:colon].strip(_DECORATION).casefold(), "")):
            return kind, start
    return None


def tail_of(line: str) -> str:
    """What follows a separator on the same line: "----- Forwarded Message ----- From: …"; else the line itself."""
    text = bare(line[:_LONGEST_LINE] if line.lstrip(" >")[:2] == "--" else line)
    if not text.startswith("--"):
        return text
    head, found, rest = text.lstrip("- ").partition("--")
    core = head.strip(" -").casefold()
    return rest.lstrip("- ") if found and rest.strip("- ") and _between_dashes(core) != "rule" else text


def separator_of(line: str) -> str:
    """ "original", "forwarded", "rule" (a long line of underscores, dashes or equal signs) or ""."""
    edges = line.strip(" \t*>|")
    if not edges or (edges[0] not in _EDGES and edges[-1] not in _EDGES):
        return ""  # nearly every line ends here
    text = bare(line)
    core = text.strip("-_=*~—–―─#:： .\t>|<")
    if not core:
        stripped = line[:400].strip(" \t>*")
        is_rule = len(set(stripped)) == 1 or set(stripped) == {"-", "="}
        return "rule" if len(stripped) >= 4 and stripped[0] in "_-=—–─" and is_rule else ""
    if len(core) > 120 and text[:2] != "--":
        return ""
    folded = core.casefold().replace("i̇", "i")
    dashed = text[:2] in ("--", "__", "==", "~~", "——", "──", "**", "- ") or text.endswith((":", "：", "--"))
    if folded in FORWARDED:
        return "forwarded" if dashed else ""
    if folded in ORIGINAL:
        return "original" if dashed or core != text.strip() else ""
    if text[:2] == "--" and folded.endswith(_WROTE_ENDS):
        return "original"  # Zoho and Android: "---- On Wed, 24 Feb 2021 14:02:50 +0530 carol@x.example wrote ----"
    if text[:2] == "--" and tail_of(line) != text:
        return _between_dashes(text.lstrip("- ").partition("--")[0].strip(" -").casefold())
    if dashed and folded.startswith(
        ("forwarded by ", "forwarded message from ", "original message from ", "forwarded message ")
    ):
        return "original" if folded.startswith("original") else "forwarded"
    if text[:3] in _DASHES and text[-3:] in _DASHES:
        return _between_dashes(folded)
    return ""


def is_end_mark(line: str) -> bool:
    """ "----- End forwarded message -----", below the mail that was forwarded."""
    text = bare(line)
    if text[:3] not in _DASHES or text[-3:] not in _DASHES:
        return False
    core = text.strip("-_=*~—–―─#:： .").casefold()
    return core.startswith(END_WORDS) and _between_dashes(core) == "forwarded"


def is_announcement(line: str, *, is_forward: bool) -> bool:
    """Whether a line alone names the mail below it: a separator's words without dashes; in a forward, stems and a colon."""
    text = bare(line[:_LONGEST_BETWEEN_DASHES])
    folded = text.casefold().replace("i̇", "i")
    if folded.rstrip(":： ") in ORIGINAL or (is_forward and folded.rstrip(":： ") in FORWARDED):
        return True
    is_short = is_forward and text[-1:] in (":", "：") and text.count(" ") <= 4
    return is_short and any(map(folded.__contains__, FORWARD_STEMS))


def _between_dashes(folded: str) -> str:
    folded = folded.replace("i̇", "i")
    if folded in FORWARDED or folded in ORIGINAL:
        return "forwarded" if folded in FORWARDED else "original"
    if len(folded) <= _LONGEST_BETWEEN_DASHES:
        if any(map(folded.__contains__, FORWARD_STEMS)):
            return "forwarded"
        if any(map(folded.__contains__, ORIGINAL_STEMS)):
            return "original"
    return "rule"  # words of an unknown language between dashes: a header block below decides
