"""The line that brackets what we write into a notice: a reply is cut where our own words begin. Standard library only."""

MARKER = "— mailcrm: reply above this line · vastaa tämän rivin yläpuolelle —"
_WORDS = ("mailcrm: reply above this line", "vastaa tämän rivin yläpuolelle")


def has_marker(text: str) -> bool:
    """Whether a line of ``text`` is our marker, quoted, indented or damaged at its ends."""
    folded = " ".join(text.casefold().split())
    return any(words in folded for words in _WORDS)
