# ruff: noqa: SIM905 - a list of words is read more easily as words
"""Who wrote a forwarded mail: the levels of a forward, outermost first.

A level is a header block (three known labels, or two below a "Forwarded message" line) with the text below it, or an
attached mail. A reply's quoted header block is no forward: the subject's prefix or the separator line has to say so.
"""

import re
from dataclasses import replace

from mailcrm.ingest.attribution import attribution_end, is_groupwise, is_quoted
from mailcrm.ingest.headerblock import Block, bare, is_end_mark, label_of, read_block, separator_of, tail_of
from mailcrm.ingest.headers import addresses_in
from mailcrm.ingest.phrases import WROTE
from mailcrm.mail import Address, Forwarded, Segment, SegmentKind
from mailcrm.subject import is_forward_subject

_MOST_LEVELS = 20
_MOST_LINES = 5_000
_ADDRESS = re.compile(r"[\w.!#$%&'*+/=?^`{|}~-]{1,64}@[\w.-]{1,255}")
_SHORT_ATTRIBUTION = 300
# Words between the time and the name in an attribution line.
_BETWEEN = frozenset(
    {word for phrase in WROTE for word in phrase.split()}
    | set(
        "klo kl at a las às um om o le pm am uhr používateľ uživatel użytkownik käyttäjä användaren brugeren od fra "
        "von van de ο/η ο η μμ πμ μ.μ π.μ م ص تمت كتابة ما يلي بواسطة kell el la i u v в о at: h".split()
    )
)


def forwarded(
    text: str, attached: tuple[Forwarded, ...] = (), *, is_forward: bool = False, subject: str = ""
) -> tuple[Forwarded, ...]:
    """The forwarded mails in the text, then the attached ones.

    ``is_forward``: the subject begins with a forward prefix. ``subject`` is the rest of it: some programs forward with
    an attribution line only, and then the outermost mail had this subject.
    """
    if not is_forward and not _may_have_separator(text):
        return attached[:_MOST_LEVELS]
    lines = [_unquoted(line) for line in text.split("\n")[:_MOST_LINES]]
    starts = _starts(lines, is_forward)
    levels: list[Forwarded] = []
    for place, (_, block) in enumerate(starts):
        end = starts[place + 1][0] if place + 1 < len(starts) else len(lines)
        levels.append(_level(block, lines[block.end : max(block.end, end)]))
    if levels and is_forward and "subject" not in starts[0][1].fields:
        levels[0] = replace(levels[0], subject=subject)
    if is_forward and not levels and not attached and (above := _lone_separator(lines)) >= 0:
        levels = [Forwarded(None, (), (), "", "", "\n".join(lines[above + 1 :]).strip())]
    return (*levels, *attached[:_MOST_LEVELS])


def with_inner(attached: tuple[Forwarded, ...]) -> tuple[Forwarded, ...]:
    """Attached mails, each with the levels of the forward that it may itself be."""
    found: list[Forwarded] = []
    for mail in attached[:_MOST_LEVELS]:
        inner = forwarded(mail.body, is_forward=is_forward_subject(mail.subject))
        above = mail.body if not inner else "\n".join(_above(mail.body, is_forward_subject(mail.subject))).strip()
        found += (replace(mail, body=above), *inner)
    return tuple(found[:_MOST_LEVELS])


def _above(text: str, is_forward: bool) -> list[str]:
    lines = text.split("\n")[:_MOST_LINES]
    starts = _starts([_unquoted(line) for line in lines], is_forward)
    return lines[: starts[0][0]] if starts else []


def names_forward(subject: str, text: str) -> bool:
    """Whether an ambiguous prefix is a forward's: "VS:" is Finnish for a reply, Danish and Norwegian for a forward."""
    return subject[:3].casefold() == "vs:" and _NORDIC_HEAD.search(text) is not None and not _FINNISH_HEAD.search(text)


def is_unknown_prefix(subject: str, levels: tuple[Forwarded, ...]) -> bool:
    """Whether the subject is the forwarded mail's with a word before it that no list of ours has."""
    return bool(levels) and bool(levels[0].subject) and subject.endswith(f": {levels[0].subject}")


_RULES = ("--", "__", "==", "~~", "**", "——", "──")
_COLON_AT_END = re.compile(
    r":[ \t\xa0*_]{0,3}$", re.MULTILINE
)  # apart: a pattern with one first letter is searched for faster
_WIDE_COLON_AT_END = re.compile(r"：[ \t\xa0*_]{0,3}$", re.MULTILINE)
_NORDIC_HEAD = re.compile(r"^[ \t>*]{0,8}Fra:[^\n]{1,300}\n(?:[^\n]{0,300}\n){0,5}?[ \t>*]{0,8}Emne:", re.MULTILINE)
_FINNISH_HEAD = re.compile(r"^[ \t>*]{0,8}Lähettäjä:", re.MULTILINE)


def _may_have_separator(text: str) -> bool:
    """What every separator line has: dashes or the like, or a colon at its end."""
    if any(map(text.__contains__, _RULES)) or _COLON_AT_END.search(text):
        return True
    return "：" in text and _WIDE_COLON_AT_END.search(text) is not None


def _unquoted(line: str) -> str:
    """Some programs forward with ``>`` before every line."""
    return line.lstrip(" \t\xa0>＞") if is_quoted(line) and not is_groupwise(line) else line


def is_carried(parts: tuple[Segment, ...]) -> bool:
    """Whether a forward that only its separator tells stands among the writer's own words, not in what they answer to."""
    return any(part.kind is SegmentKind.FORWARDED or _begins_with_separator(part) for part in parts)


def _begins_with_separator(part: Segment) -> bool:
    """Marked with ``>`` throughout, as phones do; in a quoted answer the line that says who wrote would stand first."""
    first = next((line for line in part.text.split("\n", 20)[:20] if line.strip(" \t\xa0>＞")), "")
    return part.kind is SegmentKind.QUOTE and separator_of(_unquoted(first)) == "forwarded"


def _starts(lines: list[str], is_forward: bool) -> list[tuple[int, Block]]:
    """Where each level begins (its separator or first label), once something has said that this is a forward."""
    found: list[tuple[int, Block]] = []
    index = 0
    while index < len(lines) and len(found) < _MOST_LEVELS:
        separator = separator_of(lines[index])
        if separator == "forwarded" and is_end_mark(lines[index]):
            pass
        elif separator in ("forwarded", "original") and (separator == "forwarded" or is_forward or found):
            below = index if tail_of(lines[index]) != bare(lines[index]) else _first_label(lines, index + 1)
            block = read_block(lines, below, is_below_separator=True) if below >= 0 else None
            if block is not None:
                found.append((index, block))
                index = block.end
                continue
        elif (is_forward or found) and label_of(lines[index]) and (block := read_block(lines, index)) is not None:
            found.append((index, block))
            index = block.end
            continue
        elif is_forward and not found and (introduced := _introduced(lines, index)) is not None:
            found.append((index, introduced))
            index = introduced.end
            continue
        index += 1
    return found


def _lone_separator(lines: list[str]) -> int:
    """A line that says a mail was forwarded, without a word about who wrote it; -1 if there is none."""
    return next(
        (index for index, line in enumerate(lines) if separator_of(line) == "forwarded" and not is_end_mark(line)), -1
    )


def _first_label(lines: list[str], start: int) -> int:
    """The first label within a few lines below a separator; Lotus and others put the sender's line in between."""
    near = range(start, min(len(lines), start + 5))
    first = next((index for index in near if label_of(lines[index])), -1)
    return first if first >= 0 else next((index for index in near if lines[index].strip()), -1)


def _introduced(lines: list[str], start: int) -> Block | None:
    """ "On 5 March, Carol Smith <carol@x.example> wrote:" as the head of a forward."""
    end = start + 1 if is_groupwise(lines[start]) else attribution_end(lines, start)
    text = " ".join(bare(line) for line in lines[start:end])[:_SHORT_ATTRIBUTION]
    match = _ADDRESS.search(text)
    if match is None:
        return None
    before = text[: match.start()].lstrip("> ").rstrip(" <([").removesuffix("mailto:").rstrip(" <([")
    name = re.split(r"[,:]|\d", before)[-1].strip()
    words = name.replace('"', "").split()
    while words and words[0].casefold() in _BETWEEN:
        words = words[1:]
    return Block({"from": f"{' '.join(words)} <{match.group()}>", "date": before}, end)


def _level(block: Block, body: list[str]) -> Forwarded:
    fields = block.fields
    writers = mailboxes(fields.get("from", ""))
    return Forwarded(
        from_=writers[0] if writers else None,
        to=mailboxes(fields.get("to", "")),
        cc=mailboxes(fields.get("cc", "")),
        date=fields.get("date", ""),
        subject=fields.get("subject", ""),
        body="\n".join(_without_marks(body)).strip(),
    )


def _without_marks(body: list[str]) -> list[str]:
    """Without the line that some programs put below the forwarded mail, nor the one that others repeat above it."""
    first = next((index for index, line in enumerate(body[:3]) if line.strip()), 0)
    if body[first : first + 1] and separator_of(body[first]) == "forwarded":
        body = body[first + 1 :]
    end = next((index for index, line in enumerate(body) if is_end_mark(line)), len(body))
    return body[:end]


def mailboxes(value: str) -> tuple[Address, ...]:
    """Mailboxes as programs print them: "Name <a@b>", "Name [mailto:a@b]", "Name (a@b)", "a@b", "'a@b' via list"."""
    return tuple(box for entry in _entries(" ".join(value[:4_000].split())) if (box := _mailbox(entry)) is not None)


def _entries(value: str) -> list[str]:
    """Cut at commas and semicolons, but not inside a name: "Smith, Carol <carol@x.example>" is one entry."""
    entries: list[str] = []
    pending = ""
    for piece in re.split(r"([;,])", value):
        if piece in (";", ",") and ("@" in pending or (piece == ";" and "@" not in value)):
            entries.append(pending)
            pending = ""
        else:
            pending += piece
    return [*entries, pending]


def _mailbox(entry: str) -> Address | None:
    match = _ADDRESS.search(entry.replace("mailto:", " "))
    if match is None:
        name = entry.strip(" \"'*<>[]()")
        return Address(name, "") if name else None
    entry = entry.replace("mailto:", " ")
    name = entry[: match.start()].strip(" \t\"'*<[(,;") or entry[match.end() :].strip(" \t\"'*>])(<,;|")
    if "@" in name:
        name = ""
    found = addresses_in((match.group().strip("'.*"),))
    return Address(name[:200], found[0].address) if found else None
