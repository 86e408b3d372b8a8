"""The block of header lines that mail programs write above a quoted or forwarded mail.

``read_block`` looks at the lines from one index on and answers with the block or None; it looks at a bounded number of lines,
so a scan over a whole body is linear. A block has a From label and at least two others (one other below a separator).
"""

from dataclasses import dataclass

from mailcrm.ingest.phrases import FORWARDED, LABELS, ORIGINAL

_LONGEST_LABEL = 34
_MOST_LINES = 24  # a block with long recipient lists, wrapped
_MOST_CONTINUED = 6
_INVISIBLE = dict.fromkeys(map(ord, "\u200b\u200c\u200d\u200e\u200f\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069\ufeff"))
_DECORATION = " \t*_>|\xa0\u3000"


@dataclass(frozen=True, slots=True)
class Block:
    """Values by field name (from, date, to, cc, subject, …) and the index of the first line below."""

    fields: dict[str, str]
    end: int


def bare(line: str) -> str:
    """The line without quote marks, emphasis and invisible direction marks, cut to what matching needs."""
    line = line[:400]
    if not line.isascii():
        line = line.translate(_INVISIBLE)
    return line.strip(_DECORATION)


def label_of(line: str) -> str:
    """The field name the line is a label of, or ""."""
    return _split(line)[0]


def _split(line: str) -> tuple[str, str]:
    text = bare(line)
    head = text[:_LONGEST_LABEL]
    colon = _colon(head)
    if colon < 1:
        return "", ""
    kind = LABELS.get(head[:colon].strip(_DECORATION).casefold(), "")
    return kind, text[colon + 1 :].strip(_DECORATION)


def _colon(head: str) -> int:
    places = [place for mark in ":：" if (place := head.find(mark)) >= 0]
    return min(places, default=-1)


def read_block(lines: list[str], start: int, *, is_below_separator: bool = False) -> Block | None:
    """The header block whose first label is on the line ``start``."""
    first = _split(lines[start])[0]
    if not first or first in ("other", "reply_to", "bcc"):
        return None
    fields, end = _collect(lines, start)
    one_line = _one_line(lines[start])
    if len(one_line) > len(fields):
        fields, end = one_line, start + 1
    known = {"from", "date", "to", "cc", "subject"} & fields.keys()
    if "from" not in known or len(known) < (2 if is_below_separator else 3):
        return None
    return Block(fields, end)


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
    """The label on the next line: HTML turned into text may hold blank lines between labels."""
    return label_of(lines[index + 1]) if index + 1 < len(lines) else ""


def _continues(lines: list[str], index: int, last: str) -> bool:
    """A wrapped value: recipients go on, or another label follows soon."""
    if last in ("to", "cc", "bcc", "from") and ("@" in lines[index] or bare(lines[index]).endswith((";", ","))):
        return True
    return any(label_of(line) for line in lines[index + 1 : index + 3])


def _one_line(line: str) -> dict[str, str]:
    """Yahoo and some gateways put the whole block on one line: "From: x To: y Sent: z Subject: s"."""
    words = bare(line).split(" ")
    fields: dict[str, str] = {}
    last = ""
    for word in words[:120]:
        kind = LABELS.get(word.strip(_DECORATION)[:-1].casefold(), "") if word.strip(_DECORATION).endswith(":") else ""
        if kind and kind not in fields and (fields or kind == "from"):
            fields[kind], last = "", kind
        elif last:
            fields[last] = f"{fields[last]} {word}".strip()
    return fields


def separator_of(line: str) -> str:
    """ "original", "forwarded", "rule" (a long line of underscores, dashes or equal signs) or ""."""
    text = bare(line)
    core = text.strip("-_=*~—–―─#:： .\t>|<")
    if not core:
        stripped = line[:400].strip(" \t>*")
        return "rule" if len(stripped) >= 8 and stripped[0] in "_-=—–─" and len(set(stripped)) == 1 else ""
    if len(core) > 60:
        return ""
    folded = core.casefold()
    dashed = text[:2] in ("--", "__", "==", "~~", "——", "──", "**", "- ") or text.endswith((":", "：", "--"))
    if folded in FORWARDED:
        return "forwarded" if dashed else ""
    if folded in ORIGINAL:
        return "original" if dashed or core != text.strip() else ""
    if dashed and folded.startswith(("forwarded by ", "forwarded message from ", "original message from ", "forwarded message ")):
        return "original" if folded.startswith("original") else "forwarded"
    return ""
