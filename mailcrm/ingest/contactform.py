"""A contact form's mail: the person who filled it in, and the fields.

Forms send "Name: …" lines, or a label above its value, from an address that is nobody's. What makes such a mail a form: an address
behind an e-mail label, a second known label, and a sender that is a role, a no-reply address, or not that person. A letter with a
signature of such lines is none: it begins with something else, or its writer is the person named.
"""

import re
from dataclasses import dataclass

from mailcrm.ingest.bounce_status import ADDRESS
from mailcrm.mail import Address, FormFields

_LOOKED_AT = 20_000
_MOST_LINES = 400
_MOST_FIELDS = 60
_LONGEST_LABEL = 60

# Label, in lower case and without decoration, → what it is.
_LABELS = {
    label: kind
    for kind, labels in {
        "name": (
            "name|your name|full name|from|contact|contact name|contact person|nimi|nimesi|koko nimi|yhteyshenkilö|"
            "yhteyshenkilön nimi|namn|ditt namn|kontaktperson|navn|ihr name|vor- und nachname|vollständiger name|"
            "ansprechpartner|nom|nom complet|votre nom|nombre|nombre completo|nome|nome completo|naam|"
            "imię i nazwisko|jméno|név|nume|имя|ваше имя|фио|お名前|氏名|姓名"
        ),
        "first_name": (
            "first name|firstname|given name|etunimi|förnamn|fornavn|vorname|prénom|nombre de pila|voornaam|imię|"
            "eesnimi"
        ),
        "last_name": (
            "last name|lastname|surname|family name|sukunimi|efternamn|etternavn|nachname|nom de famille|apellido|"
            "apellidos|cognome|sobrenome|achternaam|nazwisko|perekonnanimi"
        ),
        "email": (
            "email|e-mail|mail|email address|e-mail address|your email|your e-mail|sähköposti|sähköpostiosoite|"
            "sähköpostisi|s-posti|e-post|epost|e-postadress|din e-post|epostadresse|e-mailadresse|e-mail-adresse|"
            "ihre e-mail|ihre e-mail-adresse|adresse e-mail|adresse mail|courriel|correo|correo electrónico|email *|"
            "posta elettronica|indirizzo email|endereço de email|adres e-mail|e-mailadres|e-mailová adresa|meilia|"
            "meiliaadress|email cím|почта|эл. почта|электронная почта|メールアドレス|邮箱|电子邮件"
        ),
        "phone": (
            "phone|phone number|telephone|tel|mobile|puhelin|puhelinnumero|puh|gsm|matkapuhelin|telefon|"
            "telefonnummer|mobil|tlf|handynummer|rufnummer|téléphone|numéro de téléphone|teléfono|telefono|telefone|"
            "telefoonnummer|telefoon|numer telefonu|телефон|電話番号|电话"
        ),
        "company": (
            "company|company name|organization|organisation|organisaatio|yritys|yrityksen nimi|företag|företagsnamn|"
            "firma|firmanavn|virksomhed|unternehmen|société|entreprise|empresa|azienda|bedrijf|bedrijfsnaam|ettevõte|"
            "cég|компания|会社名|公司"
        ),
        "message": (
            "message|your message|message body|comment|comments|question|enquiry|inquiry|details|viesti|viestisi|"
            "viestin sisältö|kommentti|kysymys|lisätiedot|meddelande|ditt meddelande|fråga|melding|besked|nachricht|"
            "ihre nachricht|mitteilung|anfrage|message *|votre message|mensaje|messaggio|mensagem|bericht|uw bericht|"
            "wiadomość|zpráva|üzenet|mesaj|sõnum|сообщение|お問い合わせ内容|メッセージ|留言"
        ),
        "subject": (
            "subject|topic|aihe|otsikko|ämne|emne|betreff|objet|asunto|oggetto|assunto|onderwerp|temat|předmět|tárgy|"
            "тема"
        ),
    }.items()
    for label in labels.split("|")
}  # fmt: skip
_PAIR = re.compile(r"[\s*•\-_>]{0,6}([^\W\d_][^:：|\t\n]{0,59}?)[\s*_]{0,4}[:：|\t][\s*_]{0,8}(.*)")
_END = re.compile(
    r"\s{0,3}(?:--\s*$|-{3,}|_{5,}|={5,}|this (?:e-?mail|message) was sent (?:from|via)|sent from (?:the )?(?:contact|web)|"
    r"tämä viesti (?:on )?lähetetty|lähetetty (?:sivulta|lomakkeelta)|detta meddelande skickades|"
    r"diese (?:e-mail|nachricht) wurde|date:|time:|page url|remote ip|ip[- ]address|user agent|powered by)",
    re.IGNORECASE,
)


@dataclass(slots=True)
class _Field:
    label: str
    kind: str
    lines: list[str]

    @property
    def value(self) -> str:
        return "\n".join(self.lines).strip()


def form_of(
    text: str,
    writer: Address | None,
    reply_to: tuple[Address, ...],
    *,
    is_impersonal: bool,
    is_table: bool = False,
) -> FormFields | None:
    """The form in a mail, or None.

    ``is_impersonal``: the writer's address is a role's, nobody's, or one of the house. ``is_table``: labels and values were cells
    of a table, which a space parts in the text.
    """
    if "@" not in text:
        return None
    fields = _fields(text[:_LOOKED_AT], is_table=is_table and is_impersonal)
    kinds = {field.kind for field in fields}
    person = _person(fields)
    if person is None or len(kinds & {"name", "first_name", "last_name", "phone", "company", "message", "subject"}) < 1:
        return None
    is_other = writer is None or writer.address.lower() != person.address.lower()
    is_confirmed = any(box.address.lower() == person.address.lower() for box in reply_to)
    if not is_other or not (is_impersonal or is_confirmed or ("message" in kinds and len(kinds) >= 3)):
        return None
    if not _begins_as_form(text, fields) and not is_impersonal:
        return None
    first = {field.kind: field.value for field in reversed(fields) if field.kind}
    listed = tuple((field.label, field.value) for field in fields[:_MOST_FIELDS])
    return FormFields(person, first.get("phone", ""), first.get("company", ""), first.get("message", ""), listed)


def _begins_as_form(text: str, fields: list[_Field]) -> bool:
    """One of its first lines is a label: a letter's would be a greeting."""
    beginning = [line for line in text.split("\n") if line.strip()][:4]
    return any(line.strip(" *•_").lower().startswith(field.label.lower()) for line in beginning for field in fields[:3])


def _person(fields: list[_Field]) -> Address | None:
    values = {field.kind: field.value.split("\n")[0] for field in reversed(fields)}
    source = next(
        (field.value for field in fields if field.kind in ("email", "name") and ADDRESS.search(field.value)), ""
    )
    found = ADDRESS.search(source.replace("mailto:", " "))
    if found is None:
        return None
    name = (
        ADDRESS.sub("", values.get("name", "")).strip(" <>()[]\"',")
        or f"{values.get('first_name', '')} {values.get('last_name', '')}".strip()
    )
    return Address(name[:200], found.group().strip(".'"))


def _fields(text: str, *, is_table: bool) -> list[_Field]:
    """Known labels with what stands behind or below them; other "Label: value" lines are kept too, once a known one was seen."""
    found: list[_Field] = []
    current: _Field | None = None
    for line in text.split("\n")[:_MOST_LINES]:
        if current is not None and current.kind == "message" and current.lines and _END.match(line):
            break
        is_message = current is not None and current.kind == "message" and bool(current.value)
        field = _field(line, is_message=is_message) or (_cells(line) if is_table else None)
        if field is not None:
            found.append(field)
            current = field
        elif current is not None and (current.kind == "message" or not current.value):
            current.lines.append(line.strip() if current.kind != "message" else line.rstrip())
        elif current is not None and current.kind != "message" and line.strip() and not _PAIR.match(line):
            current = None
    return found


def _field(line: str, *, is_message: bool) -> _Field | None:
    """The field that begins in this line; within a message only a known label counts."""
    alone = _bare(line)
    if len(line) <= _LONGEST_LABEL and alone in _LABELS:
        return _Field(line.strip(" *:：_\t"), _LABELS[alone], [])
    match = _PAIR.match(line)
    if match is None:
        return None
    kind = _LABELS.get(_bare(match.group(1)), "")
    if not kind and (is_message or len(match.group(1).split()) > 4 or match.group(1).lower().startswith("http")):
        return None
    return _Field(match.group(1).strip(" *_"), kind, [match.group(2).strip(" *_")])


def _cells(line: str) -> _Field | None:
    """A known label of up to three words, then its value."""
    words = line.split()
    for count in range(min(3, len(words) - 1), 0, -1):
        kind = _LABELS.get(_bare(" ".join(words[:count])), "")
        if kind:
            return _Field(" ".join(words[:count]), kind, [" ".join(words[count:])])
    return None


def _bare(label: str) -> str:
    return re.sub(r"\s*\((?:required|pakollinen|obligatorisk|optional)\)", "", label.strip(" *:：_\t•-").lower()).strip(
        " *"
    )
