"""Letters that cannot be seen or that turn the writing around, taken out of what is shown.

"lasku\\u202efdp.exe" is shown as "laskuexe.pdf"; two names that differ by a letter without width look the same. Joiners stay where
writing needs them: in emoji, Arabic and the scripts of India.
"""

import re

_UNSEEN = dict.fromkeys(
    (
        *map(ord, "\u00ad\u034f\u061c\u115f\u1160\u17b4\u17b5\u200b\u200e\u200f\u3164\ufeff\uffa0\ufff9\ufffa\ufffb"),
        *range(0x180B, 0x180F),
        *range(0x202A, 0x202F),
        *range(0x2060, 0x2070),
        *range(0xE0000, 0xE0080),
    )
)
_JOINER = re.compile("(?:^|(?<=[\\0-\u058f]))[\u200c\u200d]{1,1000}")


def seen(text: str) -> str:
    """``text`` as it is read."""
    return text if text.isascii() else _JOINER.sub("", text.translate(_UNSEEN))


_MARKED = dict.fromkeys((*_UNSEEN, 0x200C, 0x200D), "\ufffd")


def marked(address: str) -> str:
    """An address with such letters shown, so that it neither looks like another nor is taken for it."""
    return address if address.isascii() else address.translate(_MARKED)
