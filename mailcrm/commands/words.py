"""Which words mean which command, in Finnish and English, and how each command is written.

Every word works in every mail, whatever its reader's language: people mix them. The first word of a language is the one that help
and receipts show. No word is a common first name: "/Anna" below a letter is how Finns and Swedes sign it.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from itertools import groupby

from mailcrm.mail import Decision, Verb


@dataclass(frozen=True, slots=True)
class Usage:
    """How a command is written in a language: its word and what follows."""

    word: str
    arguments: str = ""

    @property
    def line(self) -> str:
        return f"/{self.word} {self.arguments}".rstrip()


_ENGLISH: Mapping[Verb, tuple[str, str]] = {
    Verb.WON: ("won win", "[12000]"),
    Verb.LOST: ("lost lose", "REASON"),
    Verb.CANCEL: ("cancel cancelled canceled", ""),
    Verb.HOLD: ("hold onhold", "until DATE"),
    Verb.STAGE: ("stage", "NAME"),
    Verb.ASSIGN: ("assign owner", "NAME"),
    Verb.TAKE: ("take", ""),
    Verb.TAG: ("tag tags", "a, b"),
    Verb.UNTAG: ("untag", "a, b"),
    Verb.STARS: ("stars star priority", "0-3"),
    Verb.VALUE: ("value worth", "12000 [EUR]"),
    Verb.CLOSE: ("close closing", "DATE"),
    Verb.CALL: ("call phone", "WHEN [text]"),
    Verb.MEETING: ("meeting meet", "WHEN [text]"),
    Verb.INVITE: ("invite", "WHEN [1h] text [@ place]"),
    Verb.MAIL: ("mail email write", "WHEN [text]"),
    Verb.QUOTE: ("quote offer", "WHEN [text]"),
    Verb.TODO: ("todo task", "WHEN [text]"),
    Verb.DONE: ("done", "[1] [text]"),
    Verb.SNOOZE: ("snooze later", "WHEN"),
    Verb.NOTE: ("note internal", "the rest stays inside"),
    Verb.MENTION: ("mention", "NAME"),
    Verb.FOLLOW: ("follow", ""),
    Verb.MUTE: ("mute unfollow", ""),
    Verb.MERGE: ("merge", "#12"),
    Verb.SPLIT: ("split", ""),
    Verb.AWAY: ("away ooo", "until DATE [deputy NAME]"),
    Verb.HISTORY: ("history", ""),
    Verb.NEW: ("new", "[title] carol@acme.example"),
    Verb.NOTIFY: ("notify notices", "EVENT now|batched|digest|off"),
    Verb.UNDO: ("undo", ""),
    Verb.HELP: ("help commands ?", ""),
}
_FINNISH: Mapping[Verb, tuple[str, str]] = {
    Verb.WON: ("voitettu voitto", "[12000]"),
    Verb.LOST: ("hävitty havitty", "SYY"),
    Verb.CANCEL: ("peruttu peruuntui", ""),
    Verb.HOLD: ("odota tauolle", "PÄIVÄ asti"),
    Verb.STAGE: ("vaihe", "NIMI"),
    Verb.ASSIGN: ("vastuu vastuuhenkilö vastuuhenkilo", "NIMI"),
    Verb.TAKE: ("otan ota", ""),
    Verb.TAG: ("tunniste tunnisteet", "a, b"),
    Verb.UNTAG: ("poistatunniste poistatunnisteet", "a, b"),
    Verb.STARS: ("tähdet tahdet prioriteetti", "0-3"),
    Verb.VALUE: ("arvo tuotto", "12000 [EUR]"),
    Verb.CLOSE: ("päätös paatos", "PÄIVÄ"),
    Verb.CALL: ("soita soitto puhelu", "MILLOIN [teksti]"),
    Verb.MEETING: ("tapaaminen palaveri", "MILLOIN [teksti]"),
    Verb.INVITE: ("kutsu", "MILLOIN [1h] teksti [@ paikka]"),
    Verb.MAIL: ("viesti kirjoita", "MILLOIN [teksti]"),
    Verb.QUOTE: ("tarjous", "MILLOIN [teksti]"),
    Verb.TODO: ("tehtävä tehtava muista", "MILLOIN [teksti]"),
    Verb.DONE: ("tehty valmis", "[1] [teksti]"),
    Verb.SNOOZE: ("siirrä siirra myöhemmin myohemmin", "MILLOIN"),
    Verb.NOTE: ("muistio muistiinpano sisäinen sisainen", "loppu jää taloon"),
    Verb.MENTION: ("mainitse", "NIMI"),
    Verb.FOLLOW: ("seuraa", ""),
    Verb.MUTE: ("vaimenna", ""),
    Verb.MERGE: ("yhdistä yhdista", "#12"),
    Verb.SPLIT: ("erota irrota", ""),
    Verb.AWAY: ("poissa lomalla", "PÄIVÄ asti [sijainen NIMI]"),
    Verb.HISTORY: ("historia", ""),
    Verb.NEW: ("uusi", "[otsikko] carol@acme.example"),
    Verb.NOTIFY: ("ilmoitukset ilmoitus", "TAPAHTUMA heti|koottuna|koosteessa|pois"),
    Verb.UNDO: ("kumoa", ""),
    Verb.HELP: ("ohje apua komennot", ""),
}
_LANGUAGES = {"en": _ENGLISH, "fi": _FINNISH}

VERBS: Mapping[str, Verb] = {
    word: verb for language in _LANGUAGES.values() for verb, (words, _) in language.items() for word in words.split()
}
UNDO_WORDS = frozenset({"undo", "kumoa", "peru", "peruuta", "revert"})
DECISION_WORDS: Mapping[Decision, frozenset[str]] = {
    Decision.SEND: frozenset({"send", "lähetä", "laheta"}),
    Decision.DROP: frozenset({"drop", "hylkää", "hylkaa"}),
    Decision.NOTE: frozenset({"note", "muistio", "muistiinpano"}),
}
_SHORTEST_ALIKE = 4  # of shorter words everything is one letter away


def usage(verb: Verb, locale: str) -> Usage:
    """How a command is written, in the words of a language."""
    words, arguments = _LANGUAGES.get(locale, _ENGLISH)[verb]
    return Usage(words.split()[0], arguments)


@lru_cache(maxsize=1000)
def alike(word: str, *, is_short_too: bool = False) -> str:
    """A command word that differs from ``word`` in one letter, or in how often one was typed, or "": what was probably meant."""
    shortest = 3 if is_short_too else _SHORTEST_ALIKE
    if len(word) < shortest:
        return ""
    near = (known for known in VERBS if len(known) >= shortest and (_is_one_off(word, known) or _is_stuck(word, known)))
    return next(near, "")


def _is_stuck(a: str, b: str) -> bool:
    """The same but for letters that a key which stuck wrote more than once."""
    return a != b and _once(a) == _once(b)


def _once(word: str) -> str:
    return "".join(letter for letter, _ in groupby(word))


def _is_one_off(a: str, b: str) -> bool:
    """One letter more, less or other, or two neighbours exchanged."""
    if abs(len(a) - len(b)) > 1 or a == b:
        return False
    start = next((i for i, (x, y) in enumerate(zip(a, b, strict=False)) if x != y), min(len(a), len(b)))
    rest_a, rest_b = a[start:], b[start:]
    is_exchanged = rest_a[:2] == rest_b[:2][::-1] and rest_a[2:] == rest_b[2:]
    return is_exchanged or rest_a[1:] in (rest_b, rest_b[1:]) or rest_a == rest_b[1:]
