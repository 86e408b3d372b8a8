# ruff: noqa: SIM905 - a list of words is read more easily as words
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
            "name|your name|full name|contact|contact name|contact person|nimi|nimesi|koko nimi|yhteyshenkilö|"
            "yhteyshenkilön nimi|namn|ditt namn|kontaktperson|navn|ihr name|vor- und nachname|vollständiger name|"
            "ansprechpartner|nom|nom complet|votre nom|nombre|nombre completo|nome|nome completo|naam|"
            "imię i nazwisko|jméno|név|nume|имя|ваше имя|фио|お名前|氏名|姓名"
            "|nimi ja sukunimi|etu- ja sukunimi|för- och efternamn|namn och efternamn|fornavn og etternavn"
            "|fornavn og efternavn|fullt navn|prénom et nom|nom et prénom|nom / prénom|nombre y apellidos"
            "|nombre y apellido|nome e cognome|nome e sobrenome|nome e apelido|volledige naam|uw naam|twoje imię"
            "|jméno a příjmení|vaše jméno|meno a priezvisko|vaše meno|nume și prenume|nume complet|numele"
            "|teljes név|ees- ja perekonnanimi|teie nimi|όνομα|ονοματεπώνυμο|ad soyad|adınız|isim|adınız soyadınız"
            "|имя и фамилия|ім'я|ім’я|ім'я та прізвище|піб|ime i prezime|ime|ime in priimek|vārds|vardas|الاسم"
            "|الاسم الكامل|您的姓名|联系人|聯絡人|名前|ご担当者名|이름"
            "|성함|성명|담당자명|שם|שם מלא|tilaaja|yhteyshenkilön nimi ja titteli"
            "|sender|sender name|customer name|asiakkaan nimi|customer|asiakas|kund|kunde|lähettäjän nimi"
            "|meno|kysyjä|kysyjän nimi|ilmoittautuja|osallistuja|hakija|yhteydenottaja|visitor|kävijä|anmälare|deltagare"
        ),
        "first_name": (
            "first name|firstname|given name|etunimi|förnamn|fornavn|vorname|prénom|nombre de pila|voornaam|imię|"
            "eesnimi"
            "|keresztnév|krestní jméno|krstné meno|prenume|имя (имя)|ім'я (ім'я)|όνομα (όνομα)|isminiz|first"
            "|etunimesi|jméno (křestní)"
        ),
        "last_name": (
            "last name|lastname|surname|family name|sukunimi|efternamn|etternavn|nachname|nom de famille|apellido|"
            "apellidos|cognome|sobrenome|achternaam|nazwisko|perekonnanimi"
            "|příjmení|priezvisko|nume de familie|vezetéknév|επώνυμο|soyad|soyadı|фамилия|прізвище|prezime|priimek"
            "|last|sukunimesi|nazwisko rodowe"
        ),
        "email": (
            "email|e-mail|mail|email address|e-mail address|your email|your e-mail|sähköposti|sähköpostiosoite|"
            "sähköpostisi|s-posti|e-post|epost|e-postadress|din e-post|epostadresse|e-mailadresse|e-mail-adresse|"
            "ihre e-mail|ihre e-mail-adresse|adresse e-mail|adresse mail|courriel|correo|correo electrónico|email *|"
            "posta elettronica|indirizzo email|endereço de email|adres e-mail|e-mailadres|e-mailová adresa|meilia|"
            "meiliaadress|email cím|почта|эл. почта|электронная почта|メールアドレス|邮箱|电子邮件"
            "|e-posti aadress|e-posti aadressi|s-postiosoite|sähköpostiosoitteesi|"
            "adres email|emailová adresa|e-mail cím|email cím|adresă de email"
            "|adresă email|e-posta|e-posta adresi|e-posta adresiniz|eposta|электронный адрес"
            "|электронная почта (email)|електронна пошта|ел. пошта|пошта|e-mail adresa|email adresa"
            "|email adresiniz|ηλεκτρονικό ταχυδρομείο|ηλεκτρονική διεύθυνση|البريد الإلكتروني|البريد الالكتروني"
            "|电子邮箱|電子郵件|電郵|信箱|邮件地址|メール|eメール|이메일"
            "|이메일 주소|메일|메일 주소|דוא\"ל|אימייל|e-pasts|el. paštas|contact email"
            "|reply email|correo electronico|email address *|replyto|reply-to|reply to|from email"
            "|sender email|visitor email"
        ),
        "phone": (
            "phone|phone number|telephone|tel|mobile|puhelin|puhelinnumero|puh|gsm|matkapuhelin|telefon|"
            "telefonnummer|mobil|tlf|handynummer|rufnummer|téléphone|numéro de téléphone|teléfono|telefono|telefone|"
            "telefoonnummer|telefoon|numer telefonu|телефон|電話番号|电话"
            "|puh.|puh|puhelinnumerosi|yhteysnumero|mobiili|mobilnummer|mobiltelefon|mobiltelefonnummer|tlf."
            "|portable|tél|tél.|téléphone portable|móvil|celular|cellulare|telemóvel|mobiel|tel.|nr telefonu"
            "|telefonní číslo|telefón|telefónne číslo|mobil|număr de telefon|telefonszám|telefoninumber|τηλέφωνο"
            "|κινητό|telefon numarası|telefon numaranız|cep telefonu|номер телефона|телефон для связи"
            "|номер телефону|broj telefona|tālrunis|telefonas|الهاتف|رقم الهاتف|الجوال|联系电话|手机|手機|電話|聯絡電話|手机号码"
            "|携帯電話|연락처|전화번호|전화|휴대폰|טלפון|contact number|mobile number|mobile phone|cell|telephone number"
            "|matkapuhelinnumero|gsm-numero"
        ),
        "company": (
            "company|company name|organization|organisation|organisaatio|yritys|yrityksen nimi|företag|företagsnamn|"
            "firma|firmanavn|virksomhed|unternehmen|société|entreprise|empresa|azienda|bedrijf|bedrijfsnaam|ettevõte|"
            "cég|компания|会社名|公司"
            "|yritys/organisaatio|yritys tai yhteisö|yhteisö|taloyhtiö|yrityksesi|firman nimi|företag/organisation"
            "|bolag|selskap|bedrift|bedriftsnavn|virksomhedsnavn|firmenname|nom de l'entreprise|raison sociale"
            "|nombre de la empresa|compañía|nome azienda|società|ragione sociale|nome da empresa|organisatie"
            "|nazwa firmy|společnost|název firmy|spoločnosť|názov firmy|companie|firmă|nume companie|cégnév"
            "|vállalat|ettevõtte nimi|εταιρεία|εταιρία|επωνυμία|şirket|firma adı|şirket adı|название компании"
            "|организация|компанія|організація|назва компанії|tvrtka|podjetje|uzņēmums|įmonė|الشركة|اسم الشركة"
            "|公司名称|公司名稱|单位|貴社名|御社名|企業名|회사|회사명|업체명|חברה|business|business name|employer"
        ),
        "message": (
            "message|your message|message body|comment|comments|question|enquiry|inquiry|details|viesti|viestisi|"
            "viestin sisältö|kommentti|kysymys|lisätiedot|meddelande|ditt meddelande|fråga|melding|besked|nachricht|"
            "ihre nachricht|mitteilung|anfrage|message *|votre message|mensaje|messaggio|mensagem|bericht|uw bericht|"
            "wiadomość|zpráva|üzenet|mesaj|sõnum|сообщение|お問い合わせ内容|メッセージ|留言"
            "|body|lisätietoja|viesti / lisätiedot|viestin teksti|terveiset|mitä haluat kysyä|kerro asiasi"
            "|vapaa sana|meddelandetext|övrigt|övrig information|kommentarer|beskjed|henvendelse"
            "|besked / kommentar|nachrichtentext|bemerkungen|bemerkung|ihr anliegen|anliegen|corps du message"
            "|commentaire|commentaires|votre demande|demande|comentarios|comentario|consulta|su mensaje"
            "|corpo del messaggio|testo|richiesta|comentários|a sua mensagem|sua mensagem|opmerking|opmerkingen"
            "|vraag|treść wiadomości|treść|zapytanie|text zprávy|vaše zpráva|dotaz|poznámka|správa|text správy"
            "|vaša správa|mesajul|mesajul dvs.|üzenete|üzenet szövege|megjegyzés|teade|küsimus|märkused|μήνυμα"
            "|το μήνυμά σας|σχόλια|mesajınız|açıklama|текст сообщения|ваше сообщение|комментарий|вопрос"
            "|повідомлення|ваше повідомлення|коментар|poruka|vaša poruka|sporočilo|ziņojums|žinutė|pranešimas"
            "|الرسالة|رسالتك|نص الرسالة|留言内容|留言內容|内容|內容|咨询内容|訊息"
            "|消息|お問い合わせ|ご質問|本文|内容詳細|문의내용|문의 내용|메시지|내용|הודעה"
            "|comment or message|comments or questions|how can we help|how can we help you|"
            "what can we help you with|project description|description"
            "|request|notes|remarks|viestin runko|viestin leipäteksti|terveisesi|additional information"
            "|message details|comments / questions"
            "|meddelandets innehåll|mer information|weitere informationen|informations complémentaires|información adicional"
        ),
        "subject": (
            "subject|topic|aihe|otsikko|ämne|emne|betreff|objet|asunto|oggetto|assunto|onderwerp|temat|předmět|tárgy|"
            "тема"
            "|rubrik|otsake|θέμα|konu|тема сообщения|naslov|predmet|الموضوع|主题|主旨|件名|제목|asia|mitä asia koskee"
            "|ärende"
        ),
    }.items()
    for label in labels.split("|")
}  # fmt: skip
# A word of a longer label ("What's your e-mail address?", "Your company's name") → what it asks for; the earlier one wins.
_KEYWORDS = (
    (
        "email",
        "email|e-mail|mail|sähköposti|sähköpostiosoite|sähköpostiosoitteesi|"
        "e-post|epost|e-postadress|e-postadresse|e-mailadresse|"
        "e-mail-adresse|mailadresse|correo|courriel|e-mailadres|e-posti|e-posta|почта|почты|пошта|пошти",
    ),
    (
        "company",
        "company|business|organization|organisation|yritys|yrityksen|yrityksesi|taloyhtiö|taloyhtiön|"
        "yhteisön|organisaatio|organisaation|företag|företaget|företagets|firma|"
        "virksomhed|unternehmen|unternehmens|société|entreprise|empresa|azienda|bedrijf|firmy",
    ),
    (
        "phone",
        "phone|telephone|mobile|puhelin|puhelinnumero|puhelinnumerosi|telefon|"
        "telefonnummer|telefonnumret|mobilnummer|mobil|téléphone|"
        "teléfono|telefono|telefone|telefoonnummer|телефон|telefonu",
    ),
    ("name", "name|nimi|nimesi|namn|navn|nom|nombre|nome|naam|jméno|имя|nazwisko"),
    ("message", "message|viesti|viestisi|meddelande|melding|besked|nachricht|mensaje|messaggio|mensagem|bericht|wiadomość|zpráva"),
)  # fmt: skip
_KIND_OF_KEYWORD = {word: kind for kind, words in reversed(_KEYWORDS) for word in words.split("|")}
_ORDER = {kind: place for place, (kind, _) in enumerate(_KEYWORDS)}
_OF_THINGS = frozenset(
    (
        "form file user product item event site page project username tuotteen tuote tapahtuman lomakkeen lomake "
        "sivuston kohteen formulär evenemang produkt formular produit campaign field domain"
    ).split()
)
# Labels of the block in which some forms name the person as mails do: "From: Carol Smith <carol@x.example>".
_FROM = frozenset(
    (
        "from lähettäjä från fra von de da van od от від 差出人 发件人 寄件者 보낸사람 από kimden feladó saatja šalje من avsändare "
        "afsender avsender absender expéditeur remitente mittente remetente afzender nadawca odesílatel отправитель "
        "відправник"
    ).split()
)
_LABEL_WORD = re.compile(r"[^\W\d_]+(?:-[^\W\d_]+){0,2}")
_MOST_LABEL_WORDS = 10
_PAIR = re.compile(r"[\s*•\-_>]{0,6}([^\W\d_][^:：|\t\n=→]{0,59}?)[\s*_]{0,4}(?:[:：|\t→]|=(?=[ >]))[>\s*_]{0,8}(.*)")
_END = re.compile(
    r"\s{0,3}(?:"
    r"--\s*$|-{3,}|_{5,}|={5,}|this (?:e-?mail|message) was sent (?:from|via)|sent from (?:the )?(?:contact|web)|"
    r"tämä viesti (?:on )?lähetetty|tämä sähköposti (?:on )?lähetet|lähetetty (?:sivulta|lomakkeelta)|"
    r"detta (?:e-post)?meddelande skickades|diese (?:e-mail|nachricht) wurde|date:|time:|page url|remote ip|"
    r"ip[- ]address|user agent|powered by|\(?sent via |if you think this|to edit your|log in to view|"
    r"view (?:this )?(?:submission|response|entry|lead|contact)|you can reply|reply to this e-?mail|"
    r"ce (?:message|mail|courriel|e-mail) a été envoyé|este (?:mensaje|correo) (?:se ha|ha sido|fue) enviado|"
    r"questa e-?mail è stata|deze e-?mail is verzonden|denne (?:e-?mail|besked|e-post|meldingen) (?:er|ble|blev) sendt|"
    r"ta wiadomość została|tento e-mail byl|lyyti\b|tietosuojaseloste|hyväksyn (?:tieto|ehdot|että|käyttö)|consent\b"
    r"|tämä on automaatti|this is an automat|detta är ett automat|dies ist eine automat|"
    r"reply directly to this|manage submission|(?:datenschutz|privacy|gdpr|tietosuoja|integritet|dataskydd)\w{0,14}\s?:|"
    r"submitted (?:on|at|from|by|\d)|(?:sent|lähetetty|skickat|sendt|gesendet|envoyé|enviado|inviato|verzonden) (?:from|sivu\w+|"
    r"osoitteesta|från|fra|von|depuis|desde|da|dal|via|vanaf) \S+(?: \S+){0,3}$|"
    r"the results of this|does this submission|tämän lomakelähetyksen|resultatet av detta|die ergebnisse dieser"
    r")",
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
    rows: tuple[tuple[str, str], ...] = (),
) -> FormFields | None:
    """The form in a mail, or None.

    ``is_impersonal``: the writer's address is a role's, nobody's, or one of the house. ``rows``: the rows of a table that have
    two cells, label and value.
    """
    if "@" not in text:
        return None
    fields = _of_rows(rows) or _fields(text[:_LOOKED_AT]) or _of_a_sentence(text[:_LOOKED_AT])
    kinds = {field.kind for field in fields if field.value}
    person = _person(fields)
    if person is None or not kinds & {"name", "first_name", "last_name", "phone", "company", "message", "subject"}:
        return None
    if not is_impersonal and not _is_believable(text, fields, kinds, person, writer, reply_to):
        return None
    if is_impersonal and writer is not None and writer.domain == person.domain:
        return None  # "Questions? Contact: billing@…" of an invoice
    first = {field.kind: field.value for field in reversed(fields) if field.kind and field.value}
    listed = tuple((field.label, field.value) for field in fields[:_MOST_FIELDS])
    return FormFields(person, first.get("phone", ""), first.get("company", ""), first.get("message", ""), listed)


def _is_same(one: Address, other: Address) -> bool:
    return one.address.lower() == other.address.lower()


def _is_believable(
    text: str,
    fields: list[_Field],
    kinds: set[str],
    person: Address,
    writer: Address | None,
    reply_to: tuple[Address, ...],
) -> bool:
    """A form from an address that may be a person's: it begins as one, and Reply-To or what was asked for confirms it."""
    if writer is not None and _is_same(writer, person):  # some forms write in the name of who filled them in
        return kinds >= {"email", "message"} and len(kinds - {""}) >= 3 and _is_first(text, fields[0].label)
    is_confirmed = any(_is_same(box, person) for box in reply_to)
    return (is_confirmed or ("message" in kinds and len(kinds) >= 3)) and _begins_as_form(text, fields)


def _is_first(text: str, label: str) -> bool:
    return text.lstrip(" *•_\n\t").lower().startswith(label.lower())


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
    return Address(_name(values)[:200], found.group().strip(".'"))


def _name(values: dict[str, str]) -> str:
    """The name in one field, or in two, of which one may be called only "name": "Prénom" and "Nom"."""
    name = ADDRESS.sub("", values.get("name", "")).strip(" <>()[]\"',")
    first, last = values.get("first_name", ""), values.get("last_name", "")
    if not name or (first and last):
        return name if " " in name else f"{first} {last}".strip() or name
    if first and first not in name:
        return f"{first} {name}"
    return f"{name} {last}" if last and last not in name else name


def _of_rows(rows: tuple[tuple[str, str], ...]) -> list[_Field]:
    """The fields of a table, if it asks for an address."""
    found = [_Field(label.strip(" *:："), _kind_of(label, value), value.split("\n")) for label, value in rows]
    return found if any(field.kind == "email" for field in found) else []


_SENT_BY_FORM = re.compile(
    r"\s{0,9}([^\n(]{1,80}?) \(([^\s()@]{1,64}@[^\s()]{3,200})\) [^\n]{0,200}(?:contact form|lomakkee?ll|kontaktformul|"
    r"kontaktskjema|formulaire|formulario|formulário|modulo di contatto|contactformulier|formularz|formulář)[^\n]{0,200}",
    re.IGNORECASE,
)


def _of_a_sentence(text: str) -> list[_Field]:
    """ "Carol Smith (carol@x.example) sent a message using the contact form at …", and below it the message."""
    found = _SENT_BY_FORM.match(text)
    if found is None:
        return []
    return [
        _Field("", "name", [found.group(1)]),
        _Field("", "email", [found.group(2)]),
        _Field("", "message", [text[found.end() :].strip()]),
    ]


def _fields(text: str) -> list[_Field]:
    """Known labels with what stands behind or below them; other "Label: value" lines are kept too, once a known one was seen."""
    found: list[_Field] = []
    current: _Field | None = None
    for line in text.split("\n")[:_MOST_LINES]:
        is_in_message = current is not None and current.kind == "message" and bool(current.lines)
        if is_in_message and _END.match(line) and _bare(line) not in _LABELS:
            break
        is_message = current is not None and current.kind == "message"
        field = _field(line if is_message else _NUMBERED.sub("", line), is_message=is_message)
        if field is not None:
            found.append(field)
            current = field
        elif current is not None and (current.kind == "message" or not current.value):
            current.lines.append(line.strip() if current.kind != "message" else line.rstrip())
        elif current is not None and current.kind != "message" and line.strip() and not _PAIR.match(line):
            current = None
    return [part for field in found for part in _apart(field)]


def _apart(field: _Field) -> list[_Field]:
    """The fields that stand below a message, in a paragraph of their own in which every line is one: "Browser: Firefox"."""
    if field.kind != "message":
        return [field]
    below: list[_Field] = []
    while "" in field.lines:
        blank = len(field.lines) - 1 - field.lines[::-1].index("")
        pairs = [_PAIR.match(line) for line in field.lines[blank + 1 :]]
        if not all(pair and pair.group(2) and len(pair.group(1).split()) <= _MOST_LABEL_WORDS for pair in pairs):
            break
        below[:0] = [_Field(pair.group(1).strip(" *_"), "", [pair.group(2).strip()]) for pair in pairs if pair]
        del field.lines[blank:]
    return [field, *below]


_NUMBERED = re.compile(r"^\s{0,4}\d{1,2}[.)]\s{1,3}")


def _field(line: str, *, is_message: bool) -> _Field | None:
    """The field that begins in this line; within a message only a known label counts."""
    if len(line) <= _LONGEST_LABEL and _bare(line) in _LABELS:
        return _Field(line.strip(" *:：_\t"), _kind_of(line, "@"), [])
    match = _PAIR.match(line)
    if match is None or not match.group(2).strip(" *_"):
        is_asked = not is_message and len(line) <= _LONGEST_LABEL and line.rstrip(" *_").endswith(("?", ":", "："))
        if is_asked and (kind := _kind_of(line, "@")):
            return _Field(line.strip(" *:：_\t"), kind, [])
    if match is None:
        label, dash, value = line.strip(" *").partition(" - ")
        return _Field(label, _LABELS[_bare(label)], [value.strip(" *_")]) if dash and _bare(label) in _LABELS else None
    kind = _LABELS.get(_bare(match.group(1)), "") if is_message else _kind_of(match.group(1), match.group(2))
    if not kind and (is_message or len(match.group(1).split()) > 4 or match.group(1).lower().startswith("http")):
        return None
    return _Field(match.group(1).strip(" *_"), kind, [match.group(2).strip(" *_")])


def _kind_of(label: str, value: str) -> str:
    """What a label asks for: one that is known, or a short one that names it among other words."""
    folded = _bare(label)
    if kind := _LABELS.get(folded, ""):
        return kind
    if folded in _FROM:
        return "name" if ADDRESS.search(value) else ""
    words = _LABEL_WORD.findall(folded)
    if len(words) > _MOST_LABEL_WORDS or len(folded) > _LONGEST_LABEL or not _OF_THINGS.isdisjoint(words):
        return ""
    if {"first_name", "last_name"} <= {_LABELS.get(word, "") for word in words}:
        return "name"
    kinds = {_KIND_OF_KEYWORD[word] for word in words if word in _KIND_OF_KEYWORD}
    kind = min(kinds, key=_ORDER.__getitem__, default="")
    return "" if kind == "email" and "@" not in value else kind


def _bare(label: str) -> str:
    """The label in lower case, without marks, remarks and "your"."""
    text = _REMARK.sub("", label.strip(" *:：_\t•-?").lower())
    text = text.strip(" *?.:：") or text
    if text in _LABELS:
        return text
    head, _, rest = text.partition(" ")
    return rest if head in _YOURS and rest else text.removeprefix("お") if text[:1] == "お" else text


_YOURS = frozenset(
    "your my work business contact primary customer din ditt dina sinun "
    "ihr ihre votre vos ton su tu tus seu sua uw je jouw vaše váš vaša "
    "twój twoja twoje teie sinu ваш ваше ваша ваши vaš vaša vaše adınız company's asiakkaan tilaajan kontaktens".split()
)


_REMARK = re.compile(
    r"\s{0,3}\((?:required|pakollinen|obligatorisk|optional|valinnainen|valfritt|pflichtfeld|obligatoire|obligatorio)\)"
)
