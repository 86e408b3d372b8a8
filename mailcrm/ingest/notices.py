# ruff: noqa: SIM905 - a list of words is read more easily as words
"""Lines that nobody wrote: banners of mail gateways, legal disclaimers, "reply above this line".

A banner stands above the person's words and speaks of the sender being outside *and* of links, attachments or caution; a
disclaimer stands below them and holds several stock phrases, fewer if it begins with one. Paragraphs are looked at one by one,
so that a person's paragraph beside one of them stays.
"""

from mailcrm.ingest.headerblock import bare, separator_of, visible
from mailcrm.ingest.phrases import BANNERS

_MOST_BANNER_LINES = 12
_LONGEST_PARAGRAPH = 4_000
_WRAPPED = 50  # a line at least so long goes on below


def _folded(words: str) -> tuple[str, ...]:
    return tuple(word.casefold() for word in words.split("|"))


_OUTSIDE = _folded(
    "from outside|outside of the organi|outside the organi|outside your organi|outside of your organi|external sender|"
    "external email|external e-mail|external source|external message|outside the company|outside of the company|"
    "organisaation ulkopuolelta|organisaatiosi ulkopuolelta|organisaatiomme ulkopuolelta|yrityksen ulkopuolelta|"
    "talon ulkopuolelta|ulkopuolinen lähettäjä|ulkopuoliselta lähettäjältä|ulkoinen lähettäjä|ulkoiselta lähettäjältä|"
    "ulkoinen sähköposti|ulkopuolisesta osoitteesta|extern avsändare|externt mejl|externt e-post|utanför organisationen|"
    "utanför din organisation|utifrån|utanför företaget|extern användare|ekstern afsender|uden for organisationen|"
    "uden for din organisation|ekstern mail|ekstern avsender|utenfor organisasjonen|utenfor din organisasjon|"
    "externen absender|externer absender|außerhalb der organisation|außerhalb ihrer organisation|außerhalb des "
    "unternehmens|von extern|externe e-mail|externe mail|von außerhalb|expéditeur externe|extérieur de l'organisation|"
    "extérieur de votre organisation|extérieur de l’organisation|courriel externe|message externe|remitente externo|"
    "fuera de la organización|fuera de su organización|correo externo|mittente esterno|esterno all'organizzazione|"
    "esterna all'organizzazione|dall'esterno|fuori dall'organizzazione|esterno alla|remetente externo|"
    "fora da organização|fora da sua organização|externe afzender|buiten de organisatie|buiten uw organisatie|"
    "buiten onze organisatie|nadawcy zewnętrznego|zewnętrznego nadawcy|spoza organizacji|nadawca zewnętrzny|"
    "externí odesílatel|externího odesílatele|mimo organizaci|mimo vaši organizaci|külső feladó|szervezeten kívül|"
    "expeditor extern|din afara organizației|väljastpoolt|väline saatja|εκτός του οργανισμού|εξωτερικό αποστολέα|"
    "εκτός οργανισμού|kuruluş dışından|kuruluşunuzun dışından|harici bir gönderen|внешнего отправителя|"
    "внешний отправитель|из-за пределов|вне организации|зовнішнього відправника|外部からの|組織外|社外|外部邮件|来自外部|组织外部|"
    "外部郵件|외부에서|외부 발신|خارج المؤسسة|خارج المنظمة|مصدر خارجي"
)
_CARE = _folded(
    "caution|warning|attention|beware|careful|click|link|attachment|think before|varo|linkk|liittei|liite|huom|tarkista|"
    "varning|klicka|länk|bifog|bilag|försiktig|forsigtig|vedhæft|vedlegg|klik|achtung|vorsicht|anhäng|anlage|öffnen|"
    "prudence|liens|pièces jointes|vigilan|cuidado|precaución|enlace|adjunto|attenzione|allegat|cautela|atenção|anexo|"
    "let op|bijlage|uwaga|łącz|załącznik|pozor|odkaz|příloh|figyelem|csatol|hivatkoz|atenție|linkuri|atașament|"
    "tähelepanu|manus|προσοχή|συνδέσμ|συνημμέν|dikkat|bağlantı|eki|осторож|внимание|вложен|ссылк|увага|посилан|注意|添付|链接|"
    "附件|連結|リンク|링크|첨부|주의|تنبيه|روابط|مرفقات|تحذير"
)
_OFTEN = _folded(
    "often get email from|often receive email from|saa usein sähköposti|usein saa sähköposti|inte ofta e-post från|"
    "ikke ofte mail|ikke ofte e-post|ikke ofte e-mail|nicht oft e-mail|nicht häufig e-mail|pas souvent de courriel|"
    "pas souvent d'e-mail|obtenez pas souvent|suele recibir correo|non si ricevono spesso|non ricevi spesso|"
    "ontvangt niet vaak|nie otrzymujesz często|nedostáváte často|aka.ms/learnaboutsenderidentification"
)


def banner_end(lines: list[str], start: int) -> int:
    """The index after the banner that begins on the line ``start``; ``start`` if none does."""
    end = start
    while end < min(len(lines), start + _MOST_BANNER_LINES) and lines[end].strip():
        end += 1
    paragraph = " ".join(bare(line) for line in lines[start:end])[:_LONGEST_PARAGRAPH].casefold()
    if not _is_banner(paragraph):
        return start
    last = start
    for index in range(start, end):
        text = bare(lines[index]).casefold()
        goes_on = index > start and last == index - 1 and _is_wrapped(lines[last])
        if goes_on or index == start or _has(text, _OUTSIDE) or _has(text, _CARE) or _has(text, _OFTEN):
            last = index
    return _with_rule(lines, last + 1)


def _is_banner(paragraph: str) -> bool:
    if paragraph.endswith(("?", "？")):
        return False  # a person asks about one
    if paragraph.startswith(BANNERS) or _has(paragraph, _OFTEN):
        return True
    return _has(paragraph, _OUTSIDE) and _has(paragraph, _CARE)


def _is_wrapped(line: str) -> bool:
    return len(line) >= _WRAPPED and line.rstrip()[-1:] not in ".!>"


def _with_rule(lines: list[str], end: int) -> int:
    """A rule below a banner belongs to it."""
    below = end
    while below < len(lines) and below < end + 2 and not lines[below].strip():
        below += 1
    return below + 1 if below < len(lines) and separator_of(lines[below]) == "rule" else end


def _has(text: str, phrases: tuple[str, ...]) -> bool:
    return any(map(text.__contains__, phrases))  # in C: it is asked of every mail


# --- below the person's words -------------------------------------------------------------------------------------------

_DISCLAIMER_STARTS = _folded(
    "disclaimer|confidentiality notice|confidentiality note|confidential notice|legal notice|legal disclaimer|"
    "privileged and confidential|privacy notice|this e-mail and any|this email and any|this message and any|"
    "this e-mail is confidential|this email is confidential|this email may contain|this e-mail may contain|"
    "this message may contain|this message contains confidential|this electronic message|"
    "the information contained in this e|the information contained in this message|the information in this e|"
    "the information transmitted|the contents of this e|this communication|this transmission|tämä viesti ja sen liit|"
    "tämä sähköposti ja sen liit|tämä sähköpostiviesti|tämä viesti on tarkoitettu|tämä viesti on luottamuksellinen|"
    "tämä viesti saattaa sisältää|tämä sähköposti saattaa sisältää|tämän sähköpostiviestin|tämän viestin sisältö|"
    "tämä sähköposti on|detta e-postmeddelande|detta meddelande|detta mejl|denna e-post|"
    "det här meddelandet kan innehålla|denne e-mail|denne mail|denne e-post|denne meddelelse|diese e-mail enth|"
    "diese e-mail kann|diese e-mail ist|diese nachricht enth|diese nachricht ist|diese mail enth|der inhalt dieser e-mail|"
    "vertraulichkeitshinweis|ce message et|ce courriel et|ce message est|ce courriel est|avis de confidentialité|"
    "les informations contenues dans ce|aviso legal|este mensaje|este correo|este e-mail|este email|esta mensagem|"
    "aviso de confidencialid|le informazioni contenute|questo messaggio|questa e-mail|ai sensi del|informativa privacy|"
    "dit bericht|deze e-mail|de informatie in dit|de inhoud van dit|ta wiadomość|treść tej wiadomości|"
    "niniejsza wiadomość|tento e-mail|tato zpráva|obsah této zprávy|acest mesaj|acest e-mail|ez az üzenet|az e-mail|"
    "käesolev|see kiri|see e-kiri|το παρόν|αυτό το μήνυμα|το μήνυμα αυτό|bu e-posta|bu mesaj|"
    "настоящее сообщение|"
    "это сообщение|данное сообщение|это электронное|本邮件|此邮件|此電子郵件|このメール|本メール|本电子邮件|이 메일|본 메일|"
    "هذه الرسالة"
)
_STEM = 3
_DISCLAIMER_STEMS = frozenset(phrase[:_STEM] for phrase in _DISCLAIMER_STARTS)
# Words of secrecy and of mails gone astray; and what else such notices speak of, as people do too.
_SECRECY = _folded(
    "confidential|intended recipient|intended solely|intended only|in error|privileged|unauthori|strictly prohibited|"
    "luottamuksel|virheellisesti|erehdyksessä|vahingossa|salassa|konfidentiel|av misstag|sekretess|fortrolig|ved en feil|"
    "ved en fejl|ved feil|vertraulich|irrtümlich|unbefugt|confidentiel|par erreur|confidencia|por error|por engano|"
    "riservat|confidenzial|per errore|vertrouwelijk|abusievelijk|ten onrechte|poufn|omyłk|pomyłk|důvěrn|omylem|"
    "confidenți|din greșeală|bizalmas|tévedés|konfidentsiaal|eksikombel|εμπιστευτικ|εκ παραδρομής|gizli|yanlışlıkla|"
    "конфиденциал|по ошибке|конфіденці|помилков|机密|保密|機密|誤送信|기밀|비밀|سرية|بالخطأ"
)
_LEGAL = _folded(
    "intended for the|addressee|recipient|disclos|disseminat|distribut|copying|delete|notify|virus|liabil|"
    "vastaanottaj|tarkoitettu|ilmoit|tuho|poista|avsedd|radera|meddela|mottag|slett|slet |tiltenkt|modtager|empfänger|"
    "vernicht|löschen|destinatair|détrui|supprim|destinatari|elimin|cancell|diffusione|geadresseerde|verwijder|"
    "adresat|usuni|określon|určen|smaž|smazat|příjemc|șterge|töröl|címzett|kustuta|adressaa|αποδέκτη|alıcı|siliniz|"
    "удалит|адресат|删除|収件|削除|삭제"
)
_FEET = _folded(
    "virus-free. www.avast|virus-free.www.avast|avast.com|checked for viruses|scanned for viruses|virus scanned|"
    "consider the environment before|think before you print|think before printing|"
    "before printing this e|ajattele ympäristöä|ajattele luontoa|säästä luontoa|tarvitseeko tämä viesti tulostaa|"
    "tänk på miljön|tænk på miljøet|tenk på miljøet|denken sie an die umwelt|an die umwelt denken|"
    "pensez à l'environnement|pensez à l’environnement|piense en el medio ambiente|pensa all'ambiente|"
    "denk aan het milieu|pomyśl o środowisku|this email has been scanned|this e-mail has been scanned|"
    "this email was sent from a notification-only|disclaimer added by|scanned by mailscanner"
)
_PRIVACY = _folded(
    "gdpr|privacy policy|privacy notice|privacy statement|personal data|tietosuoja|henkilötie|dataskydd|personuppgift|"
    "personvern|personopplysn|persondata|personoplysn|datenschutz|personenbezogen|données personnelles|"
    "protección de datos|datos personales|dati personali|proteção de dados|dados pessoais|privacybeleid|"
    "persoonsgegevens|danych osobowych|osobních údajů|персональн"
)
_SHORTEST_DISCLAIMER = 60


def may_hold_disclaimer(text: str) -> bool:
    """Whether one of these paragraphs may be a disclaimer or a privacy notice; few letters pass."""
    folded = visible(" ".join(text.split())).casefold()
    return _has(folded, _SECRECY) or _has(folded, _FEET) or (_has(folded, _LINKS) and _has(folded, _PRIVACY))


_LINKS = ("www.", "http")


def is_disclaimer(paragraph: str, *, goes_on: bool = False, must_begin_so: bool = False) -> bool:
    """Whether the paragraph (one string) is a legal notice or a program's foot.

    ``goes_on``: the one above was one. ``must_begin_so``: it stands where a person speaks, so many stock phrases are not enough.
    """
    text = bare(paragraph[:_LONGEST_PARAGRAPH]).casefold()
    if len(text) <= 160 and _has(text, _FEET):
        return True
    if not text or (len(text) < _SHORTEST_DISCLAIMER and not goes_on):
        return False
    secrecy = sum(map(text.__contains__, _SECRECY))
    if not secrecy and not goes_on:
        return False
    stock = secrecy + sum(map(text.__contains__, _LEGAL))
    if goes_on:
        return stock >= 1
    if _starts_as_disclaimer(text):
        return secrecy >= 1 and stock >= 2
    return not must_begin_so and secrecy >= 2 and stock >= 4


def is_privacy_notice(paragraph: str) -> bool:
    """Whether the paragraph tells where to read about personal data; people ask about that too, so not by itself."""
    if len(paragraph) > 600 or not _has(paragraph, _LINKS):
        return False
    return _has(paragraph.casefold(), _PRIVACY)


def is_disclaimer_start(line: str) -> bool:
    """Whether a disclaimer may begin on this line."""
    return len(line) >= _SHORTEST_DISCLAIMER - 20 and _starts_as_disclaimer(bare(line[:80]).casefold())


def _starts_as_disclaimer(text: str) -> bool:
    return text[:_STEM] in _DISCLAIMER_STEMS and text.startswith(_DISCLAIMER_STARTS)


def is_disclaimer_heading(paragraph: str) -> bool:
    """A rule or a title that may stand above a disclaimer."""
    return separator_of(paragraph) == "rule" or bare(paragraph[:80]).casefold().rstrip(":. ") in _HEADINGS


_HEADINGS = frozenset(
    "disclaimer|confidentiality notice|legal notice|aviso legal|vertraulichkeitshinweis|avis de confidentialité".split(
        "|"
    )
)


# --- marks of a signed text ---------------------------------------------------------------------------------------------

_LONGEST_PGP = 80


def pgp_end(lines: list[str], start: int) -> int:
    """The index after the armour of a PGP-signed text that begins on the line ``start``: its head, or its signature."""
    line = lines[start].rstrip()
    near = range(start + 1, min(len(lines), start + _LONGEST_PGP))
    if line == "-----BEGIN PGP SIGNED MESSAGE-----":
        return next((index for index in near if not lines[index].startswith("Hash:")), start + 1)
    if line == "-----BEGIN PGP SIGNATURE-----":
        return next((index + 1 for index in near if lines[index].startswith("-----END PGP SIGNATURE")), start)
    return start


# --- "reply above this line" --------------------------------------------------------------------------------------------

_REPLY_ABOVE = _folded(
    "reply above this line|type your reply above this line|write above this line|respond above this line|"
    "reply above the line|add your reply above|enter your reply above|reply above this text|"
    "vastaa tämän rivin yläpuolelle|vastauksesi tämän rivin yläpuolelle|vastaa tämän viivan yläpuolelle|"
    "kirjoita tämän rivin yläpuolelle|svar ovanför denna rad|svara ovanför denna rad|svara ovanför den här raden|"
    "svar ovanför den här raden|svar over denne linje|svar ovenfor denne linje|over denne linjen|"
    "oberhalb dieser linie|oberhalb dieser zeile|über dieser zeile|über dieser linie|au-dessus de cette ligne|"
    "encima de esta línea|sopra questa riga|sopra questa linea|acima desta linha|boven deze regel|boven deze lijn|"
    "powyżej tej linii|nad tuto řádku|nad tento řádek|deasupra acestei linii|e fölé a sor fölé|"
    "выше этой линии|выше этой строки|请在此行上方回复|この行より上に"
)
_LONGEST_REPLY_ABOVE = 120
# Of each of these phrases the longest word with one before and one behind it: it stands by itself wherever the phrase does.
_INNER_WORDS = frozenset(max(phrase.split()[-2:0:-1], key=len) for phrase in _REPLY_ABOVE if phrase.count(" ") > 1)
_WITHOUT_INNER_WORDS = tuple(phrase for phrase in _REPLY_ABOVE if phrase.count(" ") < 2)


def may_say_reply_above(lines: list[str]) -> bool:
    """Whether any of these may be such a line as ``is_reply_above`` knows: asked once, not for each of them."""
    folded = "\n".join(lines).casefold()
    return not _INNER_WORDS.isdisjoint(folded.split()) or _has(folded, _WITHOUT_INNER_WORDS)


def is_reply_above(line: str) -> bool:
    """The line of a help desk under which its own earlier mail stands."""
    if not 10 < len(line) <= _LONGEST_REPLY_ABOVE:
        return False
    return _has(line.casefold(), _REPLY_ABOVE)
