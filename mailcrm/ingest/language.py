"""A guess at the language of a text: two letters (ISO 639-1, "no" for Norwegian), or "" when unsure.

Scripts of one language tell at once; else the words decide that every letter is full of. A word of several languages counts
a part for each, so that near relatives (Danish and Norwegian, Czech and Slovak) are told by the words they do not share.
A typical mail takes 40 µs.
"""

import re
from collections import Counter
from collections.abc import Mapping

from mailcrm.ingest.language_words import LETTERS, WORDS

_LOOKED_AT = 800
_MOST_OWNERS = 5  # a word of more languages tells too little to be worth the time
_LEAST = 1.4  # of the weights of its words
_CLEARLY = 1.25  # times the second
_SCRIPT_SHARE = 0.3
_PUNCTUATION = '.,;:!?()[]<>"*_-–—…“”„»«¿¡'
_SCRIPTS = re.compile("[\u0370-\u03ff\u05d0-\u06d3\u0e01-\u0e5b\u1f00-\u1fff\u3041-\u9fff\uac00-\ud7a3]")
_KANA, _HAN, _HANGUL = re.compile("[\u3041-\u30fe]"), re.compile("[\u4e00-\u9fff]"), re.compile("[\uac00-\ud7a3]")
_ARABIC, _PERSIAN = re.compile("[\u0620-\u06d3]"), re.compile("[\u067e\u0686\u06af\u06a9\u06cc]")
_OTHERS = (
    ("el", re.compile("[\u0370-\u03ff\u1f00-\u1fff]")),
    ("he", re.compile("[\u05d0-\u05ea]")),
    ("th", re.compile("[\u0e01-\u0e5b]")),
)


def _owners() -> Mapping[str, str]:
    """Word or telling letter → the languages that have it, a space between."""
    found: dict[str, set[str]] = {}
    for code, words in WORDS.items():
        for word in words.split():
            found.setdefault(word, set()).add(code)
    for code, letters in LETTERS.items():
        for letter in letters:
            found.setdefault(letter, set()).add(code)
    return {word: " ".join(sorted(codes)) for word, codes in found.items() if len(codes) <= _MOST_OWNERS}


_OWNERS = _owners()
_TELLING = frozenset("".join(LETTERS.values()))


def language_of(text: str) -> str:
    """The language whose words are clearly the most."""
    text = text[:_LOOKED_AT].lower()
    signs: list[str] = []
    if not text.isascii():
        if _SCRIPTS.search(text) and (script := _of_script(text)):
            return script
        text = text.replace("’", " ")
        signs = list(_TELLING.intersection(text))
    words = [word.strip(_PUNCTUATION) for word in text.replace("'", " ").split()]
    scores: dict[str, float] = {}
    for codes, count in Counter(map(_OWNERS.get, words + signs)).items():
        owners = codes.split(" ") if codes else ()
        for code in owners:
            scores[code] = scores.get(code, 0.0) + count / len(owners)
    if not scores:
        return ""
    best = max(scores, key=lambda code: (scores[code], code))
    second = max((score for code, score in scores.items() if code != best), default=0.0)
    return best if scores[best] >= max(_LEAST, len(words) * 0.04, _CLEARLY * second) else ""


def _of_script(text: str) -> str:
    """The language of a script that is no other language's; "" where too little of the text is in it."""
    least = max(2, int(sum(map(str.isalpha, text)) * _SCRIPT_SHARE))
    if len(_HANGUL.findall(text)) >= least:
        return "ko"
    han, kana = len(_HAN.findall(text)), len(_KANA.findall(text))
    if han + kana >= least:
        return "ja" if kana * 10 >= han + kana else "zh"
    if (arabic := len(_ARABIC.findall(text))) >= least:
        return "fa" if len(_PERSIAN.findall(text)) * 20 >= arabic else "ar"
    return next((code for code, pattern in _OTHERS if len(pattern.findall(text)) >= least), "")
