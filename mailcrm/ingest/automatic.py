"""What an automatic reply writes of itself, in subject and text: functions of words, in many languages.

Programs put a fixed phrase in front of the subject they answer, and many say in their text that they are programs. A person
uses the same words, so each function asks for what only a program does: a colon or an end behind the phrase, "this is an
automatic message" said of itself, no question.
"""

import re
from collections.abc import Iterator

from mailcrm.ingest import kind_words as words
from mailcrm.ingest.absence import ABSENT, RECEIVED

_ENDS = re.compile(r"\s{0,3}(?:$|[:：,;|(\[)\]–—】」』）]|re:|vs:|sv:|aw:)|\s{1,3}-", re.IGNORECASE)
_UNTIL = re.compile(
    r"\s{1,3}(?:\d|until |till |from |asti|saakka|tom |t\.o\.m|bis |jusqu|hasta |fino |até |tot |do |до )",
    re.IGNORECASE,
)
_FROM = re.compile(r"\s{1,3}(?:from|von|de|till|to|to:|an|auf|ihre\w?|på|à)[\s:]", re.IGNORECASE)
_TAG = re.compile(r"\s{0,3}(?:\[[^\]]{1,60}\]|\([^)]{1,40}\)|#\d{1,12}:?)\s{0,3}")
_CLOSING_TAG = re.compile(r"[\[(【（「]([^\[\](){}【】（）「」]{3,60})[\])】）」]\s{0,5}$")
_OPENINGS = " [(*【「『（"
_QUESTION = re.compile(r"[?？]")
_MOST_PLACES = 5
_OPENING_WORDS = 700  # letters in which a program says what it is there for


def begins_automatic(subject: str) -> bool:
    """Whether a folded subject begins with a phrase that only programs put there."""
    return any(_begins(one, words.AUTOMATIC_SUBJECTS, (_FROM,)) for one in (*_variants(subject), _last_tag(subject)))


def begins_away(subject: str) -> bool:
    """Whether it begins with a word of absence that a person may write as well: "Poissa:", "Lomalla 15.3. asti:"."""
    return any(_begins(one, words.AWAY_SUBJECTS, (_UNTIL,)) for one in _variants(subject))


def asks_about_it(subject: str, text: str) -> bool:
    """A person's words on an automatic reply, with nothing else in the subject."""
    if ":" in subject or "：" in subject:
        return False
    opening = text[:300].lower()
    is_question = _QUESTION.search(opening) is not None and not speaks_as_an_answer(text)
    return is_question or words.YOUR_AUTOMATIC.search(opening) is not None


def announces_subject(subject: str) -> bool:
    """Whether something else follows, as in "Poissa: Tarjous 1207"."""
    return ":" in subject[1:-1] or "：" in subject[1:-1] or bool(subject.endswith(")"))


def speaks_of_absence(text: str) -> bool:
    """A statement that somebody is away; who asks something is a person."""
    opening = text[:_OPENING_WORDS].lower()
    is_said = ABSENT.search(opening) is not None or acknowledges(text)
    return is_said and not _QUESTION.search(opening)


def calls_itself_an_answer(text: str) -> bool:
    """ "This is an automatic reply." """
    return any(words.ANSWER.match(folded, end) for folded, end in _self_descriptions(text))


def calls_itself_automatic(text: str) -> bool:
    """ "This is an automatic message": said of itself, not of a mail that somebody got. Only around the words that each such
    sentence holds are the sentences looked for."""
    return next(_self_descriptions(text), None) is not None


def _self_descriptions(text: str) -> Iterator[tuple[str, int]]:
    """The folded text, and where such a sentence has its verdict."""
    folded = text[:3_000].lower()
    for root in words.AUTOMATIC_ROOTS:
        place = folded.find(root)
        for _ in range(_MOST_PLACES):
            if place < 0:
                break
            found = words.CALLS_ITSELF_AUTOMATIC.search(folded, max(0, place - 50), place + 45)
            if found and not words.NO_MAIL.match(folded, found.end()):
                yield folded, found.end()
            place = folded.find(root, place + 30)


def speaks_as_an_answer(text: str) -> bool:
    """Of being away, or of a mail or a request that has been received; orders and accounts have their own programs."""
    opening = text[:_OPENING_WORDS].lower()
    return bool(ABSENT.search(opening)) or acknowledges(text)


def acknowledges(text: str) -> bool:
    """Whether it says that a mail or a request has been received."""
    opening = text[:_OPENING_WORDS].lower()
    return bool(RECEIVED.search(opening)) and not words.OTHER_BUSINESS.search(opening)


def _variants(subject: str) -> tuple[str, str]:
    return _untagged(subject), subject.lstrip(_OPENINGS)


def _last_tag(subject: str) -> str:
    """What stands in brackets at the end: "Offer [automatic reply]"."""
    match = _CLOSING_TAG.search(subject)
    return match.group(1) if match else ""


def _untagged(subject: str) -> str:
    """Without "[Ticket#17]" and the like in front."""
    for _ in range(3):
        match = _TAG.match(subject)
        if match is None or match.end() == len(subject):
            break
        subject = subject[match.end() :]
    return subject


def _begins(subject: str, phrases: tuple[str, ...], others: tuple[re.Pattern[str], ...]) -> bool:
    """Whether one of the phrases stands in front, with an end behind it or what one of ``others`` allows."""
    if not subject.startswith(phrases):
        return False
    for phrase in phrases:
        if subject.startswith(phrase) and (
            phrase.endswith(":")
            or _ENDS.match(subject, len(phrase))
            or any(other.match(subject, len(phrase)) for other in others)
        ):
            return True
    return False
