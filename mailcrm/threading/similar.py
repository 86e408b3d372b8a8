"""Whether two texts are mostly the same: tells a mailing list's or gateway's variant of a mail from another mail. Pure, linear."""

_MOST_WORDS = 5_000


def is_mostly_same(first: str, second: str) -> bool:
    """Whether four fifths of the words of the longer text are in the shorter one too."""
    a = set(first.casefold().split()[:_MOST_WORDS])
    b = set(second.casefold().split()[:_MOST_WORDS])
    if not a or not b:
        return not a and not b
    return len(a & b) >= 0.8 * max(len(a), len(b))
