"""What people call the topics of notices and how they reach them, in Finnish and English. Pure.

Every word works in every mail; the first of a language is the one that help and receipts show.
"""

from collections.abc import Mapping

from mailcrm.wishes import Level, Topic

ALL = "all"
_ENGLISH_TOPICS: Mapping[str, str] = {
    Topic.NEW: "new lead leads",
    Topic.REPLY: "reply replies customer customers",
    Topic.MENTION: "mention mentions",
    Topic.NOTE: "note notes",
    Topic.SENT: "sent answer answers",
    Topic.REMINDER: "reminder reminders",
    Topic.FAILURE: "failure failures failed undelivered",
    Topic.ABSENCE: "absence absences away",
    ALL: "all everything",
}
_FINNISH_TOPICS: Mapping[str, str] = {
    Topic.NEW: "uusi uudet liidi liidit",
    Topic.REPLY: "viesti viestit asiakas asiakkaat vastaus vastaukset",
    Topic.MENTION: "maininta maininnat",
    Topic.NOTE: "muistio muistiot muistiinpano muistiinpanot",
    Topic.SENT: "lähetetty lahetetty lähetetyt lahetetyt",
    Topic.REMINDER: "muistutus muistutukset",
    Topic.FAILURE: "virhe virheet toimittamatta",
    Topic.ABSENCE: "poissaolo poissaolot",
    ALL: "kaikki",
}
_ENGLISH_LEVELS: Mapping[Level, str] = {
    Level.NOW: "now once immediately on",
    Level.BATCHED: "batched batch gathered together",
    Level.DIGEST: "digest",
    Level.OFF: "off never none",
}
_FINNISH_LEVELS: Mapping[Level, str] = {
    Level.NOW: "heti päällä paalla",
    Level.BATCHED: "koottuna koottu yhdessä yhdessa",
    Level.DIGEST: "koosteessa kooste koosteeseen",
    Level.OFF: "pois ei",
}
TOPICS: Mapping[str, str] = {
    word: str(topic)
    for language in (_ENGLISH_TOPICS, _FINNISH_TOPICS)
    for topic, words in language.items()
    for word in words.split()
}
LEVELS: Mapping[str, Level] = {
    word: level
    for language in (_ENGLISH_LEVELS, _FINNISH_LEVELS)
    for level, words in language.items()
    for word in words.split()
}


def topic_words(locale: str) -> str:
    """All topics as they are written, for whoever wrote one that is none."""
    named = _FINNISH_TOPICS if locale == "fi" else _ENGLISH_TOPICS
    return ", ".join(words.split()[0] for words in named.values())


def level_words(locale: str) -> str:
    named = _FINNISH_LEVELS if locale == "fi" else _ENGLISH_LEVELS
    return ", ".join(words.split()[0] for words in named.values())
