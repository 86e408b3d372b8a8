# ruff: noqa: SIM905 - a list of words is read more easily as words
"""Signatures: below a delimiter, below a closing phrase or the writer's own name, and the line a phone signs with.

Without a delimiter only what looks like a card is folded: short lines, at least one of them with a telephone number, an
address or a company's name. The closing phrase and the name stay; so does everything from the first sentence on, since a
postscript is written by the person.
"""

import re

from mailcrm.ingest.headerblock import bare
from mailcrm.ingest.phrases import DEVICES, MOBILE

LONGEST = 25  # lines of a signature
_LONGEST_LINE = 120
_MOST_NAME_WORDS = 5
_SENTENCE_WORDS = 5

# By language: English, Finnish, Swedish, Norwegian and Danish, German, French, Spanish, Italian, Portuguese, Dutch,
# Polish, Czech and Slovak, Romanian, Hungarian, Estonian, Greek, Turkish, Russian and Ukrainian, Arabic, Chinese.
_CLOSINGS = frozenset(
    phrase
    for phrases in (
        "best regards|kind regards|warm regards|regards|best|best wishes|all the best|with best regards|"
        "with kind regards|many regards|warmly|sincerely|yours sincerely|yours faithfully|yours truly|sincerely yours|"
        "respectfully|cordially|cheers|rgds|br|kr|brgds|best rgds|with regards|warmest regards|kindest regards",
        "terveisin|terveiset|kiittäen|kunnioittavasti|kunnioittaen|ystävällisesti|terv|yst. terv|t|kiitoksin|"
        "hyvää päivänjatkoa|mukavaa päivänjatkoa|hyvää viikonloppua|terkuin|terkut|kiitos etukäteen",
        "med vänlig hälsning|med vänliga hälsningar|vänliga hälsningar|vänlig hälsning|hälsningar|mvh|vh|hälsar|hälsn|"
        "bästa hälsningar|med bästa hälsningar|allt gott|med hälsning",
        "med vennlig hilsen|vennlig hilsen|hilsen|beste hilsen|med venlig hilsen|venlig hilsen|med venlige hilsner|"
        "venlige hilsner|de bedste hilsner|bedste hilsner|kh|hilsener|med hilsen|mange hilsner|vennlige hilsener",
        "mit freundlichen grüßen|mit freundlichen grüssen|freundliche grüße|freundliche grüsse|viele grüße|viele grüsse|"
        "beste grüße|beste grüsse|liebe grüße|schöne grüße|herzliche grüße|mit besten grüßen|mit freundlichem gruß|"
        "mit freundlichem gruss|mfg|vg|lg|gruß|gruss|grüße|grüsse|hochachtungsvoll|mit herzlichen grüßen|"
        "mit vielen grüßen|mit freundlichen gruessen",
        "cordialement|bien cordialement|très cordialement|bien à vous|salutations|sincères salutations|"
        "salutations distinguées|meilleures salutations|respectueusement|cdlt|cdt|amicalement|bonne journée|bien à toi",
        "saludos|un saludo|saludos cordiales|cordialmente|atentamente|un cordial saludo|atte|saluda atentamente",
        "cordiali saluti|distinti saluti|saluti|un saluto|un cordiale saluto|cordialità|buona giornata|"
        "i migliori saluti|con i migliori saluti",
        "atenciosamente|cumprimentos|melhores cumprimentos|com os melhores cumprimentos|att|abraços|saudações",
        "met vriendelijke groet|met vriendelijke groeten|vriendelijke groet|vriendelijke groeten|groet|groeten|mvg|"
        "hartelijke groet|hartelijke groeten|met hartelijke groet|hoogachtend",
        "pozdrawiam|z poważaniem|z wyrazami szacunku|pozdrawiam serdecznie|serdecznie pozdrawiam|z pozdrowieniami",
        "s pozdravem|s přáním hezkého dne|s úctou|hezký den|s pozdravom|s přátelským pozdravem",
        "cu stimă|cu respect|toate cele bune|o zi bună|cu deosebită considerație|cu considerație",
        "üdvözlettel|tisztelettel|köszönettel|szívélyes üdvözlettel|üdv",
        "lugupidamisega|parimate soovidega|tervitades|heade soovidega|tervitustega",
        "με εκτίμηση|φιλικά|με φιλικούς χαιρετισμούς",
        "saygılarımla|iyi çalışmalar|iyi günler|saygılar|saygılarımızla",
        "с уважением|с наилучшими пожеланиями|з повагою|с наилучшими|всего доброго",
        "مع خالص التحيات|تحياتي|مع تحياتي|مع التحية|مع أطيب التحيات",
        "此致敬礼|此致|祝好|顺颂商祺|敬具",
    )
    for phrase in phrases.split("|")
)
# Thanks close a mail as often as they begin one: what follows must be the writer's own name.
_THANKS = frozenset(
    "thanks|thank you|many thanks|thanks again|thx|thanks in advance|many thanks in advance|kiitos|kiitoksia|"
    "tack|tack på förhand|takk|på forhånd takk|tak|på forhånd tak|danke|vielen dank|danke im voraus|merci|"
    "merci d'avance|gracias|muchas gracias|grazie|obrigado|obrigada|dank|alvast bedankt|bedankt|dziękuję|děkuji|"
    "mulțumesc|köszönöm|aitäh|tänan|teşekkürler|спасибо|ευχαριστώ|شكرا".split("|")
)
_LONGEST_CLOSING = max(map(len, _CLOSINGS | _THANKS))
_ENDS = " ,.!;:-–—"
_BETWEEN_NAMES = ("–", "-", "/", "&", "ja", "och", "and", "und", "et", "y", "de", "van", "von")
_FINNISH_CLOSING = ("terveisin", "terveiset")  # kesäterveisin, yhteistyöterveisin …

_CONTACT = re.compile(
    r"[\w.+-]@[\w-]|\bwww\.|https?://|(?<!\d)(?:\+|\(?0)\d[\d \xa0().\-/–]{4,20}\d"
    r"|\b(?:Oyj?|Ab|AB|ASA?|ApS|A/S|GmbH|AG|KG|Ltd|LLC|Inc|PLC|plc|SARL|SAS|SRL|Kft|OÜ|ООО|ТОВ|Ky|Tmi|ry|AO)\b"
    r"|\b(?:B\.V|S\.A|S\.L|S\.r\.l|S\.p\.A|s\.r\.o|a\.s|sp\. z o\.o|Sp\. z o\.o|Co)\."
)
_POSTSCRIPT = re.compile(r"(?:p\.?\s?s\.?|ps\b|nb\b|huom\b|obs\b|edit\b)\s?[.:;,)]?\s", re.IGNORECASE)


def is_closing(line: str, writer: str = "") -> bool:
    """Whether a line says nothing but good-bye: a closing phrase, the writer's own name, both, or what a phone adds."""
    text = bare(line).strip(_ENDS)
    closing, name = _closing_of(text)
    own = {word.casefold() for word in writer.split()}
    rest = (name if closing else text).casefold().replace("/", " ").split()
    is_own = bool(rest) and all(word.strip(_ENDS) in own for word in rest)
    return (closing in _CLOSINGS and (not rest or is_own)) or (not closing and is_own)


def is_delimiter(line: str) -> bool:
    """RFC 3676 4.3: two dashes and a space; the space is often lost."""
    return line in ("-- ", "--", "--\xa0", "—", "– ")


def card_start(lines: list[str], start: int, end: int, writer: str) -> tuple[int, int]:
    """Where a signature without delimiter begins and ends within the lines; ``(end, end)`` if there is none.

    ``writer`` is the display name of the mail's From field.
    """
    own = _words(writer)
    for index in range(max(start, end - 2 * LONGEST), end):
        text = bare(lines[index]) if 0 < len(lines[index]) < _LONGEST_LINE else ""
        if not text or len(text) > _LONGEST_CLOSING + 40:
            continue
        closing, name = _closing_of(text)
        is_own_name = len(own) >= 2 and _words(text) == own
        if (
            is_own_name
            or closing in _CLOSINGS
            or (closing and _is_signed(lines[index : min(end, index + 4)], name, own))
        ):
            begin, stop = _card(lines, index + 1, end, has_name=is_own_name or bool(name))
            if begin < stop:
                return begin, stop
    return end, end


def _is_signed(lines: list[str], name: str, own: frozenset[str]) -> bool:
    """Whether thanks are followed by the writer's own name."""
    below = _words(name or next((line for line in lines[1:] if line.strip()), ""))
    return bool(own & below) and len(below) <= _MOST_NAME_WORDS


def _closing_of(text: str) -> tuple[str, str]:
    """The closing phrase that the line is or begins with, and what follows it on the line: a name, at most."""
    whole = text.rstrip(_ENDS).casefold()
    for part in whole.split("/")[:2]:
        if (found := _known(part.strip())) and (part == whole or all(map(_known, map(str.strip, whole.split("/"))))):
            return found, ""
    words = text.split()
    for count in range(min(4, len(words) - 1), 0, -1):
        found, rest = _known(" ".join(words[:count]).rstrip(_ENDS).casefold()), words[count:]
        if found and len(rest) <= 4 and all(word[:1].isupper() or word in _BETWEEN_NAMES for word in rest):
            return found, " ".join(rest)
    return "", ""


def _known(phrase: str) -> str:
    """The closing phrase in the form of the lists, or ""."""
    if phrase in _CLOSINGS or phrase in _THANKS:
        return phrase
    return "terveisin" if phrase.endswith(_FINNISH_CLOSING) and phrase.count(" ") <= 3 else ""


def _words(name: str) -> frozenset[str]:
    return frozenset(re.findall(r"[^\W\d_]{2,30}", name[:200].casefold()))


def _card(lines: list[str], start: int, end: int, *, has_name: bool) -> tuple[int, int]:
    """The lines of the card below a closing phrase and, unless it was there already, a name; the first sentence ends it."""
    index = start
    while index < end and not lines[index].strip():
        index += 1
    if index < end and not has_name and _is_name(lines[index].strip()):
        index += 1
    stop, has_contact, count = index, False, 0
    for at in range(index, end):
        text = lines[at].strip()
        if not text:
            continue
        if len(text) > _LONGEST_LINE or count == LONGEST or _is_sentence(text) or _POSTSCRIPT.match(text + " "):
            break
        has_contact = has_contact or _CONTACT.search(text) is not None
        stop, count = at + 1, count + 1
    return (index, stop) if has_contact else (end, end)


def _is_name(text: str) -> bool:
    return len(text.split()) <= _MOST_NAME_WORDS and _CONTACT.search(text) is None and text[-1] not in "?!:"


def _is_sentence(text: str) -> bool:
    """A question, the head of a list, or five words and more of which most are small: somebody says something."""
    if text[-1] in "?？。;:：":
        return True
    words = text.split()
    is_long = len(words) >= _SENTENCE_WORDS and (text[-1] in ".!:…" or len(words) >= 2 * _SENTENCE_WORDS)
    return is_long and 2 * sum(1 for word in words if word[:1].islower()) >= len(words)


# --- lines that phones and programs sign with ---------------------------------------------------------------------------

_APPS = (("outlook", "ios"), ("outlook", "android"), ("proton", "mail"), ("yahoo", "android"), ("yahoo", "iphone"))


def is_mobile_line(line: str) -> bool:
    """ "Sent from my iPhone", in many languages; a sentence that begins so is no such line."""
    if not 8 < len(line) < 160:
        return False
    begin = line.lstrip(" \t[(<*_>|\xa0")[:80]
    stem = begin[:2].lower()
    if stem.isascii() and stem not in _FIRST_STEMS and stem[:1] not in _FIRST_STEMS:
        return False
    begin = begin.casefold().replace("i̇", "i")
    if not (begin[:2] in _FIRST_STEMS or begin[:1] in _FIRST_STEMS) or not begin.startswith(_FIRST_WORDS):
        return False
    text = bare(line)
    link = text.find("http")
    text = text[:link].rstrip(" <([|:-") if link > 8 else text
    text = _EXCUSE.split(text, maxsplit=1)[0] if ", " in text else text
    if not 8 < len(text) < 90 or ", " in text:
        return False
    folded = text.strip("[]()<>*_ ").casefold().replace("i̇", "i")
    if folded.startswith(MOBILE) and any(_names(folded, device) for device in DEVICES):
        return True
    return folded.count(" ") <= 5 and text[-1] not in "?" and any(_is_app_line(folded, app) for app in _APPS)


def _is_app_line(folded: str, app: tuple[str, str]) -> bool:
    """ "Outlook voor iOS downloaden": hardly anything but the program's name."""
    return app[0] in folded and app[1] in folded and folded.startswith(_GET_APP)


_EXCUSE = re.compile(
    r",? (?:so )?(?:please |pardon |anteeksi|ursäkta|förlåt|bitte |entschuldig|désolé|beklager|undskyld)", re.IGNORECASE
)
_GET_APP = tuple(
    "get|sent|hanki|lähetetty|skaffa|hämta|skickat|hent|sendt|outlook|télécharge|obtenir|envoyé|obtener|obtén|enviado|"
    "descarga|scarica|ottieni|inviato|obter|baixar|verzonden|download|pobierz|wysłane|wysłano|získat|stáhnout|odesláno|"
    "obțineți|trimis|az outlook|elküldve|hangi|saadetud|λήψη|στάλθηκε|al |gönderil|скачать|получить|отправлено|"
    "gesendet|holen|laden|获取|取得|発|送信|ios 用|احصل|보낸|yahoo mail|proton".split("|")
)


_FIRST_WORDS = MOBILE + _GET_APP
_FIRST_STEMS = frozenset(words[:2] for words in _FIRST_WORDS)  # most lines need not be compared with each of them


def _names(folded: str, device: str) -> bool:
    """Scripts without spaces write the device directly after a word."""
    place = folded.find(device)
    return place == 0 or (place > 0 and not (folded[place - 1].isalpha() and folded[place - 1].isascii()))


def delimited(lines: list[str], index: int, limit: int) -> bool:
    """Whether a signature begins with the delimiter on this line; long text below it is none."""
    if not is_delimiter(lines[index]):
        return False
    return sum(1 for line in lines[index + 1 : limit] if line.strip()) <= LONGEST
