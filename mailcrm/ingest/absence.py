"""What an automatic reply says: that somebody is away, until when, and who stands in.

Takes the reply's own words and the day it was written; never raises. Month names are CLDR's (babel, loaded with the first automatic
reply), so every main language is read alike. A day without a year is the next such day.
"""

import re
import unicodedata
from dataclasses import dataclass
from datetime import date, timedelta

from mailcrm.ingest.language import language_of
from mailcrm.ingest.months import month_of, weekday_of
from mailcrm.ingest.report_words import alternation
from mailcrm.ingest.unmarked_words import TAKEN_DOWN
from mailcrm.mail import Address, AutoReply, AutoReplyType

_LOOKED_AT = 4_000
_LONGEST_ABSENCE = timedelta(days=550)
LEFT_PHRASES = (
    "no longer work", "no longer with", "no longer employed", "has left the company", "have left the company",
    "left the company", "not with the company", "retired from", "mailbox is no longer", "address is no longer",
    "en ole enää", "ei ole enää", "ei työskentele enää", "siirtynyt toisiin", "siirtynyt uusiin",
    "jäänyt eläkkeelle", "lopettanut", "slutat", "jobbar inte längre", "arbetar inte längre",
    "har gått i pension", "ikke lenger", "ikke længere", "nicht mehr im unternehmen", "nicht mehr für",
    "nicht mehr bei", "nicht mehr tätig", "nicht mehr in unserem", "ausgeschieden", "ne travaille plus",
    "ne fait plus partie", "a quitté",
    "ya no trabaja", "ya no forma parte", "não trabalha mais", "já não trabalha", "non lavora più",
    "niet meer werkzaam", "niet langer werkzaam", "już nie pracuje", "nie pracuje", "již nepracuje",
    "больше не работает", "ei tööta enam", "已离职", "已離職", "退職", "no longer employed", "my last day",
    "i have left", "i've left", "left my position", "moved on from", "no longer part of", "has been deactivated",
    "en työskentele enää", "työsuhteeni on päättynyt", "työsuhde on päättynyt", "työsuhteeni päättyi",
    "jään eläkkeelle", "eläkkeellä", "vaihtanut työpaikkaa", "siirryin toisiin", "siirryin uusiin",
    "ei ole enää meillä", "jag har slutat", "slutat på", "slutat min anställning", "inte längre anställd", "gått vidare till",
    "har sluttet", "sluttet i", "arbeider ikke lenger", "jobber ikke lenger", "arbejder ikke længere", "er stoppet",
    "er fratrådt", "fratrådt min stilling", "gått av med pensjon", "gået på pension",
    "arbeite nicht mehr", "arbeitet nicht mehr", "habe das unternehmen verlassen", "hat das unternehmen verlassen",
    "im ruhestand", "nicht mehr beschäftigt", "ne fais plus partie", "n'est plus dans l'entreprise", "n'est plus salarié",
    "n'est plus en poste", "je ne travaille plus",
    "j'ai quitté", "quitté la société", "quitté l'entreprise", "quitté mes fonctions", "parti à la retraite", "en retraite",
    "ya no trabajo", "he dejado la empresa", "ha dejado la empresa", "dejó la empresa", "me he jubilado", "ya no formo parte",
    "já não trabalho", "não trabalho mais", "deixei a empresa", "deixou a empresa", "não faço mais parte",
    "já não faço parte",
    "non lavoro più", "non faccio più parte", "ha lasciato l'azienda", "ho lasciato l'azienda", "in pensione",
    "werk niet meer", "werkt niet meer", "niet langer in dienst", "niet meer in dienst", "met pensioen",
    "nie pracuję", "nie pracuje już", "zakończyłem pracę", "zakończyłam pracę", "zakończył pracę", "na emeryturze",
    "již nepracuji", "už nepracuji", "už nepracuje", "nepracuji ve společnosti", "v důchodu", "už nepracujem",
    "viac nepracujem", "nu mai lucrez", "nu mai lucrează", "nu mai fac parte", "nu mai este angajat",
    "már nem dolgozom", "már nem dolgozik", "nyugdíjba", "lahkunud ettevõttest", "töösuhe on lõppenud",
    "δεν εργάζομαι πλέον", "δεν εργάζεται πλέον", "έχω αποχωρήσει", "έχει αποχωρήσει",
    "artık çalışm", "çalışmamaktayım", "çalışmıyorum", "çalışmamaktadır", "ayrılmış", "ayrıldım", "görevimden ayrıl",
    "больше не работаю", "уволил", "больше не являюсь сотрудником", "більше не працюю", "більше не працює", "звільнив",
    "više ne radim", "više ne radi", "više nisam zaposlen", "ne delam več",
    "لم أعد أعمل", "لم يعد يعمل", "تركت العمل", "غادرت الشركة", "离职", "離職", "不再任职", "不在本公司", "退社",
    "퇴사", "퇴직", "더 이상 근무하지", "strādāju vairs", "vairs nestrādāju", "nebedirbu",
    "työsuhteeni…päättyn", "työsuhteeni…päätty", "slutade min anställning", "slutat min tjänst", "i have now left",
    "have now left",
    "aus der firma", "nicht mehr für die", "nicht länger bei", "har sluttet", "er ikke længere", "ei tööta enam",
    "не работаю", "irtisanoutunut",
    "siirtynyt muihin", "siirtynyt toiseen", "en ole enää…töissä", "no longer be with", "no longer at", "last working day",
    "viimeinen työpäiväni", "sista arbetsdag", "sista dag", "letzter arbeitstag",
    "siirryn uusiin", "siirryn muihin", "siirryn toisiin", "moved on from", "has moved on", "min efterträdare",
    "my successor", "seuraajani", "i left…on", "ei enää työskentele", "en enää työskentele", "ei ole enää…töissä",
)  # fmt: skip
ABSENT_PHRASES = (
    "out of the office", "out of office", "out-of-office", "away from the office", "away from my", "on vacation",
    "on holiday", "on annual leave", "on leave", "annual leave", "maternity leave", "parental leave",
    "paternity leave", "sick leave", "limited access to", "be away", "am away", "i'm away", "on a business trip",
    "travelling", "traveling", "back in the office", "return to the office", "be back on", "office is closed",
    "poissa", "lomalla", "vuosiloma", "vanhempainvapaa", "perhevapaa", "äitiysloma", "sairauslomalla",
    "matkoilla", "palaan", "tavoitettavissa", "på semester", "semester", "är ledig", "föräldraledig",
    "tjänstledig", "inte på kontoret", "frånvarande", "åter den", "är tillbaka", "åter på", "på ferie", "ikke på kontoret",
    "fraværende", "jeg er tilbage", "og er tilbage", "er tilbake", "ferie", "nicht im büro", "außer haus", "abwesend",
    "im urlaub", "wieder erreichbar",
    "in elternzeit", "absent", "en congé", "en vacances", "de retour", "fuera de la oficina", "de vacaciones",
    "ausente", "de vuelta", "fuori ufficio", "in ferie", "assente", "sono fuori", "rientr", "de férias",
    "fora do escritório", "afwezig", "met vakantie", "op vakantie", "niet aanwezig", "nieobecn", "na urlopie",
    "poza biurem", "mimo kancelář", "na dovolené", "dovolenou", "puhkusel", "kontorist väljas", "atvaļinājum",
    "atostog", "szabadságon", "în concediu", "în vacanță", "izindeyim", "izinde", "απουσιάζω", "άδεια",
    "в отпуске", "отсутств", "у відпустці", "休暇", "不在", "休假", "外出", "出差", "휴가", "부재", "إجازة",
    "בחופשה", "isyysvapaa", "virkavapaa", "vabbar", "vård av barn", "hoitovapaa", "opintovapaa", "vuorotteluvapaa",
    "koulutuksessa", "messuilla", "työmatkalla",
    "pois toimistolta", "en ole paikalla", "en ole töissä", "bortrest", "tjänsteresa", "sjukskriven", "på resa",
    "bortreist", "permisjon", "barsel", "på kursus", "på kurs", "dienstreise", "mutterschutz", "krankgeschrieben",
    "verreist", "en déplacement", "arrêt maladie", "congé maternité", "de baja", "de viaje", "in trasferta", "in maternità",
    "em viagem", "de licença", "zwangerschapsverlof", "ouderschapsverlof", "zakenreis", "delegacji", "urlopie",
    "služební cest", "nejsem v kancelář", "na dovolenke", "služobnej ceste", "nie som v kancelár", "nu sunt la birou",
    "în delegație", "nem vagyok az irodában", "üzleti úton", "kontorist eemal", "kontorist ära", "töölähetus",
    "εκτός γραφείου", "ofis dışında", "yıllık izin", "raporlu", "нет в офисе", "в командировке", "не в офисе",
    "немає в офісі", "у відрядженні", "godišnjem odmoru", "godišnjem sam odmoru", "nisam u uredu", "službenom putu",
    "na dopustu", "خارج المكتب", "外出中", "育児休業", "출장", "자리를 비", "不在办公室", "年假", "产假",
    "en ole tavoitettavissa", "i'm out this", "i am out this", "i'm out until",
    "i am out until", "i'm out today", "i am out today", "urlaub", "nicht erreichbar", "ไม่อยู่", "sedang cuti",
    "in den ferien",
    "palattuani", "en déplacement",
    "betriebsferien",
    "fora de l'oficina", "nghỉ phép", "нет на месте", "不在辦公室",
    "viettää…lomaa", "vietämme…lomaa", "vietän…lomaa", "pidän…lomaa", "pidämme…lomaa", "talvilomalla", "kesälomalla",
    "hiihtolomalla", "syyslomalla", "joululomalla", "ylityövapaa",
    "virkamatkalla", "osa-aikaisesti", "luen postini", "takaisin töissä", "takaisin toimistolla", "lomailen", "lomailemme",
    "seminaarissa", "kokouksissa", "saikulla",
    "i möten", "har semester", "sjukledig", "på utbildning", "på konferens", "arbetar deltid", "jobbar deltid",
    "på jobbet igen", "tillbaka på", "på resande fot", "på mässa", "mammaledig", "pappaledig", "sommarsemester",
    "vintersemester", "går på semester",
    "on pto", "paid time off", "out of town", "part-time", "on sabbatical", "out sick", "be out of", "currently out",
    "currently away", "at a conference", "attending a conference", "in training", "high volume of email",
    "not in the office", "unavailable until", "back at my desk", "on furlough", "office will reopen", "day off",
    "bank holiday", "public holiday",
    "nicht im haus", "geschäftsreise", "in urlaub", "fortbildung", "schulung", "in teilzeit", "wieder im büro",
    "wieder im haus", "auf der messe", "betriebsurlaub", "elternzeit", "erkrankt", "im mutterschutz",
    "på reise", "på forretningsreise", "har ferie", "holder ferie", "i møte", "i møder", "sykmeldt", "sygemeldt",
    "på tjenestereise", "avspasser", "holder fri", "har fri",
    "en rtt", "en formation", "à l'étranger", "congés", "baja médica", "de baja", "de permiso", "de viaje", "in malattia",
    "in permesso", "fuori sede", "licença médica", "de licença", "ziek gemeld", "met verlof", "op zakenreis",
    "na zwolnieniu", "na szkoleniu", "na konferenci", "na nemocenské", "szabadságom", "betegszabadság", "haiguslehel",
    "lähetuses", "в отпуск", "на больничном", "в декрете", "на лікарняному", "у відрядженні", "bolovanju",
    "ofiste olmayacağım", "izne ayrıl", "休みを", "休假中", "휴직", "출산휴가",
    "en ole tänään", "ute av kontoret", "ute af kontoret", "out of the country", "in meetings", "all day",
    "ute och reser", "auf terminen", "im außendienst",
    "nicht am platz", "nicht an meinem", "werk ik niet", "arrêt de travail", "en réunion", "viibin", "przebywam",
    "äitiyslomalla", "i am gone",
)  # fmt: skip
ABSENT = alternation(ABSENT_PHRASES)
_LEFT = alternation(LEFT_PHRASES)
_TAKEN_DOWN = alternation(TAKEN_DOWN)
RECEIVED = alternation(
    (
        "has been received", "have received your", "we received your", "we've received", "request received",
        "thank you for contacting", "thanks for contacting", "support ticket", "ticket has been", "a trouble ticket",
        "automatically generated in response", "thank you for your message", "thank you for your e-mail",
        "thank you for your email", "get back to you", "got your request", "got your message", "vastaanot",
        "kiitos yhteydeno", "kiitos viestist", "käsittelemme", "palaamme asiaan", "tack för ditt", "mottagit",
        "vi återkommer", "mottatt", "modtaget", "eingegangen", "haben ihre", "vielen dank für ihre", "bien reçu",
        "avons reçu", "hemos recibido", "gracias por", "recebemos", "abbiamo ricevuto", "ontvangen", "otrzymali",
        "obdrželi", "получил", "получено", "viestisi on tullut perille", "yhteydenottosi", "tiketti", "har tagit emot",
        "tagit emot",
        "vender tilbage", "modtaget", "henvendelse", "jsme přijali", "vaši zprávu jsme", "děkujeme za vaši zprávu",
        "ďakujeme za vašu",
        "prijali sme", "megkaptuk", "köszönjük megkeres", "λάβαμε", "παραλάβαμε", "alınmıştır", "talebiniz", "mesajınız için",
        "отримано", "отримали", "am primit", "kätte saanud", "pöördumise eest", "zaprimili smo", "zaprimljen", "primili smo",
        "استلمنا", "تم استلام", "saņemts", "gavome jūsu", "dziękujemy za wiadomość", "bedankt voor uw", "obrigado pelo contato",
        "grazie per averci", "merci pour votre message", "merci de votre message",
        "已收到", "收到您", "受け付け", "受信いたしました", "접수",
        "お問い合わせいただき", "tack för att du", "takk for din henvendelse", "tak for din henvendelse",
        "dziękujemy za", "děkujeme za", "köszönjük", "vă mulțumim", "благодарим",
        "merci de nous avoir",
        "thanks for your email", "thanks for your e-mail", "thanks for your message",
    )
)  # fmt: skip

# Words that make the date beside them the end. Before it, with a few words between ("back in the office on Monday, 18 March"),
# and after it.
_BEFORE_END = (  # patterns, a space between
    r"until till? through thru to back return\w* again reachable palaan takaisin jälleen tavoitettavissa paluu t\.?o\.?m\.? "
    r"åter tillbaka bis einschließlich inkl\.? ab wieder zurück jusqu['’]au jusqu['’]à au retour hasta regres\w* vuelv\w* "
    r"vuelta al rientr\w* tornerò tot t/m terug indtil tilbage til do wracam vrátím kuni tagasi até ao retorn\w* volto până "
    r"έως μέχρι до по вернусь līdz iki повернусь επιστρέφω επιστρέψω sve vraćam vrnem حتى لغاية wracam powrót vrátim návrat "
    r"revin revenire térek vissza döneceğim dönüş"
)
_UNTIL_BEFORE = re.compile(
    rf"(?:(?<!\w)(?:{'|'.join(_BEFORE_END.split())})|[-–—~〜～至到]|から)"
    rf"[\s:,]{{0,3}}(?:\(?[^\W\d_]{{1,14}}\.?,?\s{{1,3}}){{0,5}}$",
    re.IGNORECASE,
)
_UNTIL_AFTER = re.compile(
    r"\.?\s{0,2}\(?(?:asti|saakka|mennessä|mukaan lukien|alkaen|lähtien|inclusive|inclus|einschließlich|inkl|-?i?g\b|"
    r"tarihine kadar|'?e kadar|'?a kadar|kadar|まで|까지|為止|为止|until|päivään asti|päivään saakka|之前|以前|前|에 복귀|に戻)",
    re.IGNORECASE,
)


def read_auto_reply(text: str, subject: str, written_on: date, own: frozenset[str]) -> AutoReply:
    """``text`` is the reply's own words; ``own`` the addresses (lower case) that are no stand-in: the writer's and ours."""
    text = text[:_LOOKED_AT]
    folded = f"{subject}\n{text}".lower()
    until = _until(f"{text}\n|\n{subject}", written_on)
    if _LEFT.search(folded) and until is None:
        kind = AutoReplyType.LEFT
    elif ABSENT.search(folded):
        kind = AutoReplyType.OUT_OF_OFFICE
    elif RECEIVED.search(folded) or _TAKEN_DOWN.search(folded):
        kind, until = AutoReplyType.ACKNOWLEDGEMENT, None
    elif until is not None:
        kind = AutoReplyType.OUT_OF_OFFICE
    else:
        kind = AutoReplyType.OTHER
    is_away = kind in (AutoReplyType.LEFT, AutoReplyType.OUT_OF_OFFICE)
    return AutoReply(kind, until.isoformat() if until else "", _stand_in(text, own) if is_away else None)


# --- until when -----------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class _Found:
    day: date
    start: int
    end: int
    is_sure: bool  # with a year or a month in words


def _until(text: str, written_on: date) -> date | None:
    """The first day that is said to be the end; without such a word the last day named."""
    language = language_of(text)
    found = [
        one for one in _dates(text, written_on, language) if timedelta(0) <= one.day - written_on <= _LONGEST_ABSENCE
    ]
    for one in found:
        if _UNTIL_BEFORE.search(text[max(0, one.start - 60) : one.start]) or _UNTIL_AFTER.match(text, one.end):
            return one.day
    sure = [one.day for one in found if one.is_sure]
    return max(sure, default=None) or _weekday(text, written_on) or _day_of_month(text, written_on)


_BACK_ON = re.compile(
    r"(?<!\w)(?:back|return\w*|until|palaan|takaisin|jälleen|taas|tavoitettavissa|åter|tillbaka|tilbake|tilbage|wieder|zurück|retour|"
    r"vuelv\w*|vuelta|regres\w*|rientr\w*|torn\w*|volto|terug|wrac\w*|vrát\w*|vissza|tagasi|revin|вернусь|повернусь|vraćam)"
    r"((?:\s{1,3}[^\W\d_]{1,14}){1,5})",
    re.IGNORECASE,
)


def _weekday(text: str, written_on: date) -> date | None:
    """ "Back on Monday": the next such day."""
    for match in _BACK_ON.finditer(text):
        for word in match.group(1).split():
            if (day := weekday_of(word)) >= 0:
                return written_on + timedelta(days=(day - written_on.weekday() - 1) % 7 + 1)
    return None


_BACK_ON_DAY = re.compile(
    r"(?<!\w)(?:back|return\w*|until)\b[^.!?\n\d]{1,30}?(\d{1,2})(?:st|nd|rd|th)\b(?!\s{1,2}(?:of|floor))",
    re.IGNORECASE,
)


def _day_of_month(text: str, written_on: date) -> date | None:
    """ "Back on the 11th": the next such day."""
    match = _BACK_ON_DAY.search(text)
    if match is None:
        return None
    days = (written_on + timedelta(days=ahead) for ahead in range(62))
    return next((day for day in days if day.day == int(match.group(1))), None)


_ISO = re.compile(r"(?<!\d)(\d{4})[-./](\d{1,2})[-./](\d{1,2})(?!\d)")
_CJK = re.compile(r"(?:(\d{4})\s?[年년]\s?)?(?<!\d)(\d{1,2})\s?[月월]\s?(\d{1,2})\s?[日일号號]?")
_NUMBERS = re.compile(
    r"(?<![\d.:/])(\d{1,2})([./]|-(?=\d{1,2}-\d))\s?(\d{1,2})(?:\2\s?(\d{4}|\d{2})(?!\d)|\.)?(?![\d:])"
)
_DAY_MONTH = re.compile(
    r"(?<!\d)(\d{1,2})(?:st|nd|rd|th|er|º|ª|\.|:nde?|-?го)?\s{1,3}(?:de |of |den |d')?([^\W\d_]{3,14})\b\.?"
    r"(?:[,\s]{1,3}(?:de |of |год )?(\d{4})(?!\d))?",
    re.IGNORECASE,
)
_MONTH_DAY = re.compile(
    r"\b([^\W\d_]{3,14})\b\.?\s{1,3}(\d{1,2})(?:st|nd|rd|th|\.)?(?![\d:])(?:,?\s{1,3}(\d{4})(?!\d))?", re.IGNORECASE
)
_YEAR_MONTH_DAY = re.compile(r"(?<!\d)(\d{4})\.?\s{1,2}([^\W\d_]{3,14})\s{1,2}(\d{1,2})(?!\d)", re.IGNORECASE)


# Each with the places of year, month and day among its groups; the earlier ones are surer, and what they took is taken.
_IN_WORDS = ((_ISO, 1, 2, 3), (_CJK, 1, 2, 3), (_YEAR_MONTH_DAY, 1, 2, 3), (_DAY_MONTH, 3, 2, 1), (_MONTH_DAY, 3, 1, 2))
_DAY_LAST = (_YEAR_MONTH_DAY, _MONTH_DAY)  # the last day of a range is the end: "March 4-15"


def _dates(text: str, written_on: date, language: str) -> list[_Found]:
    """Every date in the text, in order."""
    found: list[_Found] = []
    for pattern, year, month, day in _IN_WORDS:
        for match in pattern.finditer(text):
            named = match.group(month)
            number = int(named) if named.isdecimal() else month_of(named, language)
            last = _RANGE_END.match(text, match.end()) if pattern in _DAY_LAST else None
            day_of_month = int(last.group(1) if last else match.group(day))
            _add(found, match, _day(match.group(year), number, day_of_month, written_on), is_sure=True)
    for match in _END_OF_MONTH.finditer(text):
        number = month_of(match.group(1) or match.group(2), language)
        _add(found, match, _last_day(number, written_on), is_sure=True)
    for match in _NUMBERS.finditer(text):
        _add(found, match, _of_numbers(match, written_on), is_sure=bool(match.group(4)))
    return sorted(found, key=lambda one: one.start)


_RANGE_END = re.compile(r"\s?[-–]\s?(\d{1,2})(?![\d/:])")
_END_OF_MONTH = re.compile(
    r"\b(?:(?:end of|ende|slutet av|slutten av|udgangen af|fin|finales de|fine|final de|eind|einde|końca|konce|konca|kraja|конца|"
    r"кінця)\s{1,2}(?:de |di |d['’])?([^\W\d_]{3,14})|([^\W\d_]{3,14})\s{1,2}(?:loppuun|lõpuni|végéig|sonuna))\b",
    re.IGNORECASE,
)


def _last_day(month: int, written_on: date) -> date | None:
    """ "Until the end of May"; the next such month."""
    if not month:
        return None
    year = written_on.year + (month < written_on.month)
    return date(year + month // 12, month % 12 + 1, 1) - timedelta(days=1)


def _add(found: list[_Found], match: re.Match[str], day: date | None, *, is_sure: bool) -> None:
    start, end = match.span()
    if day is not None and not any(start < one.end and one.start < end for one in found):
        found.append(_Found(day, start, end, is_sure))


def _of_numbers(match: re.Match[str], written_on: date) -> date | None:
    """Day before month, as most write; with slashes the other order if only that is a day to come."""
    first, second, year = int(match.group(1)), int(match.group(3)), match.group(4)
    day = _day(year, second, first, written_on)
    american = _day(year, first, second, written_on) if match.group(2) != "." else None
    if american is not None and not _is_soon(day, written_on) and (day is None or _is_soon(american, written_on)):
        return american
    return day


def _is_soon(day: date | None, written_on: date) -> bool:
    return day is not None and timedelta(0) <= day - written_on <= timedelta(days=120)


def _day(year: str | None, month: int, day: int, written_on: date) -> date | None:
    """The date; without a year the one nearest ahead, a week of grace for a reply that outlived it."""
    try:
        if year:
            number = int(year)
            return date(number if number > 99 else 2000 + number, month, day)
        this_year = date(written_on.year, month, day)
        return this_year if this_year >= written_on - timedelta(days=92) else date(written_on.year + 1, month, day)
    except ValueError:
        return None


# --- who stands in --------------------------------------------------------------------------------------------------------

_ADDRESS = re.compile(r"[\w.+'-]{1,64}@[\w-]{1,63}(?:\.[\w-]{1,63}){1,6}")
_NAMED = re.compile(r"((?:[^\W\d_][\w'’.-]{0,30}[ \t]){1,3}[^\W\d_][\w'’-]{0,30})[ \t]?[<(\[]$")
_NAME_BEFORE = re.compile(
    r"([^\W\d_][\w'’-]{1,30}[ \t][^\W\d_][\w'’-]{1,30})"
    r"(?:[ \t]?[(\[,:–-]{0,2}[ \t]?|[ \t](?:at|on|på|pa|en|em|via|e-mail|email|mail|sähköposti)[ \t:]{1,2}|[ \t]poole,[ \t])$",
    re.IGNORECASE,
)


def _stand_in(text: str, own: frozenset[str]) -> Address | None:
    """The first address that is neither the writer's nor ours."""
    for match in _ADDRESS.finditer(text):
        address = match.group().strip(".'-")
        if address.lower() not in own:
            return Address(_name_before(text[: match.start()][-120:], address), address)
    return None


def _name_before(text: str, address: str) -> str:
    """ "Liisa Korhonen <liisa@…>"; elsewhere a name is believed where the address confirms it, for it may be inflected."""
    line = text.rpartition("\n")[2]
    named = _NAMED.search(line)
    if named and line.endswith("<"):
        return _capitalised(named.group(1))
    before = _NAME_BEFORE.search(line)
    if before is None:
        return ""
    local = _plain(address.partition("@")[0])
    words = before.group(1).split()
    return " ".join(words) if all(_plain(word) in local for word in words) else ""


def _capitalised(name: str) -> str:
    """The name at the end of a sentence: "toimii Liisa Korhonen" is "Liisa Korhonen"."""
    words: list[str] = []
    for word in reversed(name.split()):
        if not word[0].isupper():
            break
        words.insert(0, word)
    return " ".join(words)


def _plain(word: str) -> str:
    decomposed = unicodedata.normalize("NFKD", word.casefold())
    return "".join(letter for letter in decomposed if letter.isalnum())
