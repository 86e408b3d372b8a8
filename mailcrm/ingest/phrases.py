# ruff: noqa: SIM905 - a list of words is read more easily as words
"""What mail programs write around quoted and forwarded mail, as word lists per language.

Only data: ``headerblock`` and ``body`` look lines up here. Everything is folded (``casefold``); a language is added by
adding its words. Words are whole labels or phrases, so that a list of one language cannot match inside a word of
another.
"""

# Labels of the header block above a quoted or forwarded mail (Outlook, Gmail, Apple Mail, Thunderbird, Yahoo, Lotus).
_LABELS = {
    "from": "from|lähettäjä|keneltä|från|fra|avsändare|afsender|avsender|von|absender|de|expéditeur|remitente|"
    "remetente|da|mittente|van|"
    "afzender|od|nadawca|odesílatel|odesílatel|odosielateľ|de la|expeditor|feladó|saatja|kellelt|από|απο|kimden|"
    "gönderen|от|"
    "отправитель|від|від кого|од|от кого|من|המאת|מאת|发件人|發件人|寄件者|寄件人|差出人|送信者|보낸 사람|보낸사람|"
    "발신|từ|dari|no|nuo|"
    "emitent|šalje|šiljatelj|pošiljatelj|frá|saatja|sent by|written by|mail from|送信元|"
    "lähettänyt|viestin lähettäjä|emisor|enviado por|verzender|zender|odoslal|αποστολέας|gönderici|"
    "відправник|المرسل|发信人|發信人|보낸이|발신인|발신자|送り主",
    "date": "message du|date|sent|sent on|date sent|sent at|lähetetty|päivämäärä|päiväys|pvm|aika|skickat|datum|"
    "sendt|dato|gesendet|gesendet am|"
    "date d'envoi|envoyé|envoyé le|date d’envoi|fecha|enviados|enviado|enviado el|enviada|enviada em|"
    "enviado em|data|inviato|"
    "data invio|"
    "verzonden|datum verzonden|wysłano|wysłane|data wysłania|odesláno|odoslané|dátum|trimis|elküldve|küldve|saadetud|"
    "kuupäev|"
    "ημερομηνία|στάλθηκε|εστάλη|tarih|gönderilme tarihi|gönderildi|gönderme tarihi|дата|отправлено|послано|надіслано|"
    "التاريخ|تاريخ الإرسال|"
    "تم الإرسال|תאריך|נשלח|发送时间|发送日期|日期|發送日期|傳送時間|時間|寄件日期|日付|送信日時|送信日|보낸 날짜|"
    "날짜|보낸 시간|ngày|"
    "tanggal|đã gửi|dată|дата отправления|дата отправки|data trimiterii|"
    "nosūtīts|išsiųsta|poslano|sent date|dagsetning|envoyé à|時刻|изпратено|datums|"
    "lähetysaika|lähetyspäivä|odesláno dne|posláno|poslané|poslané dňa|data e ora|date et heure|"
    "datum och tid|saatmisaeg|saatmise aeg|αποστολή|ημερομηνία αποστολής|відправлено|дата і час|"
    "дата и время|дата надсилання|poslano dana|datum slanja|أرسلت|أُرسلت|تاريخ|تاريخ الارسال|تم إرسالها|"
    "时间|寄件時間|发件时间|送信日|보낸날짜|보낸시간|일시|sendetidspunkt|afsendt|skickat den|data i godzina",
    "to": "to|vastaanottaja|vastaanottajat|kenelle|till|til|mottagare|modtager|mottaker|an|empfänger|à|a|"
    "destinataire|para|destinatario|"
    "destinatário|per|aan|naar|ontvanger|do|adresat|adressaat|komu|pre|către|catre|címzett|saaja|kellele|"
    "προς|kime|alıcı|кому|"
    "получатель|إلى|"
    "الى|אל|收件人|收件者|宛先|받는 사람|받는사람|수신|đến|tới|kepada|kam|kam.|kam:|kam adresuota|prima|za|til:|"
    "pour|an:|до|saņēmējs|"
    "saajat|mottagare|modtagere|mottakere|destinataires|destinatarios|destinatari|destinatários|"
    "ontvangers|odbiorca|odbiorcy|příjemce|příjemci|príjemca|destinatar|címzettek|saajad|παραλήπτης|"
    "παραλήπτες|alıcılar|получатели|одержувач|одержувачі|отримувач|primatelj|primatelji|المستلم|"
    "المستلمون|收信人|受信者|받는이|pentru",
    "cc": "cc|kopija|copia a|kopio|kopiot|kopia|kopi|kopie|copie|copie à|copia|cópia|c.c|c.c.|dw|do wiadomości|másolat|"
    "másolatot kap|koopia|κοιν|"
    "κοινοποίηση|bilgi|копия|копія|نسخة|نسخة إلى|עותק|抄送|副本|참조|cópia para|con copia|с копией|kópia|másolat:|копие|kp|"
    "kopie (cc)|kopia (cc)|kopio (cc)|kopi (cc)|copie (cc)|kopie an|kopia till|kopi til|in copia|"
    "copie carbone|másolat (cc)|κοιν.|抄送人|写し|hlb.|koopia (cc)|kopija (cc)|в копии|в копії|نسخة كربونية",
    "bcc": "bcc|piilokopio|hemlig kopia|blindkopie|cci|cco|ccn|udw|скрытая копия|密送|密件副本|숨은 참조",
    "subject": "subject|aihe|otsikko|ämne|rubrik|emne|betreff|betr|objet|sujet|asunto|assunto|oggetto|onderwerp|temat|"
    "předmět|predmet|vec|"
    "subiect|tárgy|teema|θέμα|konu|тема|الموضوع|נושא|naslov|主题|主旨|主題|件名|표제|제목|chủ đề|subjek|perihal|"
    "efni|tēma|tema|re|zadeva|относно|"
    "ärende|ogg|ogg.|concerne|titre|tytuł|věc|subiectul|pealkiri|тема письма|тема листа|عنوان الرسالة|标题|標題|タイトル",
    "reply_to": "reply-to|reply to|vastausosoite|svar till|antwort an|répondre à|responder a|responder para|"
    "rispondi a|antwoord aan|"
    "odpowiedź do|ответить|回复",
    "other": "importance|tärkeys|prioriteetti|prioritet|priorität|wichtigkeit|prioridade|importancia|belang|"
    "attachments|liitteet|bilagor|"
    "anlagen|anhänge|pièces jointes|adjuntos|anexos|allegati|bijlagen|załączniki|organization|organisaatio|mailed-by|"
    "signed-by|"
    "категория|sensitivity|重要度|message-id|x-mailer|newsgroups|in-reply-to|附件|"
    "when|where|location|paikka|milloin|var|när|wann|ort|organizer|järjestäjä|user-agent",
}  # fmt: skip
LABELS: dict[str, str] = {word.casefold(): kind for kind, words in _LABELS.items() for word in words.split("|")}

# "… wrote:" An attribution line holds one of these, besides a time, a year or an address.
WROTE = tuple(
    word.casefold()
    for word in (
        "wrote|writes|wrote on|kirjoitti|kirjoittaa|skrev|skriver|skrifaði|schrieb|schreibt|geschrieben|a écrit|"
        "écrit|a ecrit|escribió|"
        "escribio|escreveu|escreve|ha scritto|scritto|scrive|schreef|heeft geschreven|geschreven|napisał|napisała|"
        "napisał(a)|napisal|"
        "napisal(a)|napsal|napsala|napsal(a)|napísal|napísal(a)|pisze|a scris|scris|írta|írta (időpont|ezt írta|"
        "kirjutas|kirjutab|έγραψε|"
        "γράφει|yazdı|şunu yazdı|yazmış|написал|написала|написал(а)|пишет|писал|писал(а)|написав|пише|написа|كتب|"
        "كتبت|تمت كتابة|"
        "כתב|כתבה|מאת|写道|寫道|写到|のメール|のメッセージ|は書きました|さんは書きました|님이 작성|"
        "님이 다음을 썼습니다|작성|đã viết|menulis|"
        "rakstīja|parašė|rašė|je napisao|je napisala|je napisao/la|napisao|napisala|je napisal|idatzi|va escriure|"
        "said|contributed|"
        "komentar|wiadomość napisana przez|schrieb am|odesílatel"
    ).split("|")
)

# First words of an attribution that is wrapped over several lines.
OPENERS = tuple(
    word.casefold()
    for word in (
        "on |am |le |el |il |op |den |em |dne |w dniu |dnia |pe |på |vào |в |во |at |in |en |la |kl |klo |a las |"
        "στις |στισ |la data |"
        "el día |il giorno |il |op |zo |vr |quoting |citerar |zitat |maanantaina |tiistaina |keskiviikkona |"
        "torstaina |perjantaina |"
        "lauantaina |sunnuntaina |ma |ti |ke |to |pe |la |su |mon|tue|wed|thu|fri|sat|sun|mån|tis|ons|tors|fre|lör|"
        "sön|man|tir|lør|søn|"
        "montag|dienstag|mittwoch|donnerstag|freitag|samstag|sonntag|lun|mar|mer|jeu|ven|sam|dim|mié|jue|vie|sáb|dom|"
        "seg|ter|qua|qui|"
        "sex|pon|wt|śr|czw|pt|sob|niedz|út|čt|pá|so|ne|po |st |e |r |k |pn|вт|ср|чт|пт|сб|вс|пн|في|בתאריך|‫|2|1|3|0|"
        "4|5|6|7|8|9|<|\"|'|"
        "maanantai |tiistai |keskiviikko |torstai |perjantai |lauantai |sunnuntai |maandag |dinsdag |woensdag |"
        "donderdag |vrijdag |zaterdag |zondag |gio|poniedziałek|wtorek|środa|czwartek|piątek|sobota|niedziela|"
        "pondělí|úterý|středa|čtvrtek|pátek|neděle|hétfő|kedd|szerda|csütörtök|péntek|szombat|vasárnap|joi|"
        "vineri|sâmbătă|duminică|esmaspäev|teisipäev|kolmapäev|neljapäev|reede|laupäev|pühapäev|понедельник|"
        "вторник|среда|четверг|пятница|суббота|воскресенье"
    ).split("|")
)

# What a line between dashes speaks of, by the stems of its words: clients and versions word it in ever new ways.
FORWARD_STEMS = tuple(
    stem.casefold()
    for stem in (
        "forward|edelleenläh|välitet|välittä|vidarebef|vidaresän|videresen|weitergeleit|doorgest|doorgezon|transfér|"
        "transmis|réexpéd|reenvi|reencaminh|encaminh|inoltr|przekaz|przesłan|přepos|přeposíl|preposl|proslije|továbbít|"
        "redirecț|redirect|înaint|edastat|edasisaa|διαβιβ|προωθ|iletil|yönlendir|пересл|пересыл|переадрес|перенаправ|"
        "препрат|persiun|persiųst|pārsūt|posredov|转发|转寄|轉寄|轉發|転送|전달|إعادة توجيه|معاد توجيه|محول|הועבר"
    ).split("|")
)
# First words of a line between dashes that says where a forwarded mail ends.
END_WORDS = tuple(
    word.casefold()
    for word in (
        "end |ende |slut på |slutt på |slutet |fin du |fin de |fin del |fine |fim da |fim do |einde |koniec |konec |"
        "sfârșit|vége |τέλος |конец |кінець |kraj |lõpp|päättyy|loppu|välitetty viesti päättyy|välitetty viesti loppu|"
        "välitetyn viestin loppu|iletilen iletinin sonu|转发邮件结束|転送メッセージ終了|نهاية "
    ).split("|")
)
ORIGINAL_STEMS = tuple(
    stem.casefold()
    for stem in (
        "original|origine|alkuperäi|alkup. vie|orig. vie|ursprungl|ursprüngl|oprindel|opprinnel|oorspronk|oryginal|"
        "původn|pôvodn|eredeti|algne|algsõ|algkir|αρχικ|orijinal|özgün|исходн|оригинал|первонач|原始|邮件原件|元の|원본|"
        "أصلية|מקורית|replied message|reply message"
    ).split("|")
)

# Lines between dashes above a quoted mail, and above a forwarded one.
ORIGINAL = frozenset(
    phrase.casefold()
    for phrase in (
        "original message|original mail|alkuperäinen viesti|alkuperäinen sähköposti|ursprungligt meddelande|"
        "originalmeddelande|"
        "ursprungligt mail|original meddelelse|oprindelig meddelelse|opprinnelig melding|original melding|"
        "ursprüngliche nachricht|"
        "originalnachricht|original-nachricht|originalnachricht im auftrag|message d'origine|message original|"
        "message initial|"
        "mensaje original|mensaje de origen|mensagem original|messaggio originale|messaggio di origine|"
        "oorspronkelijk bericht|"
        "oorspronkelijke bericht|original bericht|wiadomość oryginalna|oryginalna wiadomość|"
        "treść oryginalnej wiadomości|původní zpráva|"
        "originální zpráva|původní e-mail|pôvodná správa|mesaj original|mesajul original|eredeti üzenet|algsõnum|"
        "algne sõnum|algkiri|"
        "αρχικό μήνυμα|orijinal mesaj|özgün ileti|исходное сообщение|оригинальное сообщение|пересылаемое сообщение:|"
        "первоначальное сообщение|الرسالة الأصلية|رسالة أصلية|הודעה מקורית|原始邮件|原始郵件|邮件原件|"
        "元のメッセージ|原始訊息|원본 메시지|"
        "original message ----|tin nhắn gốc|pesan asli|reply message|reply to message|vastausviesti|originalmail|"
        "original e-mail|"
        "vastaus alkuperäiseen viestiin|izvorna poruka|originalno sporočilo|sākotnējais ziņojums|original appointment"
    ).split("|")
)
FORWARDED = frozenset(
    phrase.casefold()
    for phrase in (
        "začátek přeposílané zprávy|početak proslijeđene poruke|begynnelse på videresendt melding|"
        "începe mesajul redirecționat|iletinin başlangıcı|iletilen iletinin başlangıcı|továbbított levél kezdete|"
        "початок переадресованого повідомлення|mesaj redirecționat|messaggio inoltrato da|mensagem encaminhada de|"
        "välitetty viesti / fwd.msg|forwarded message|begin forwarded message|forwarded mail|forwarded by|"
        "forward message|forwarded email|begin forwarded mail|"
        "välitetty viesti|edelleenlähetetty viesti|välitetty viesti alkaa|välitetyn viestin alku|välitetty sähköposti|"
        "vidarebefordrat meddelande|vidarebefordrat brev|vidarebefordrat mail|börja vidarebefordrat meddelande|"
        "vidarebefordrat mejl|"
        "videresendt meddelelse|videresendt besked|videresendt melding|videresendt e-post|start på videresendt besked|"
        "begynnelsen på videresendt melding|påbegynt videresendt melding|videresend melding|weitergeleitete nachricht|"
        "anfang der weitergeleiteten nachricht|anfang der weitergeleiteten e-mail|weitergeleitete mail|"
        "weitergeleitete e-mail|"
        "message transféré|début du message transféré|message réexpédié|courriel transféré|début du message réexpédié|"
        "mensaje reenviado|inicio del mensaje reenviado|mensagem encaminhada|mensagem reencaminhada|"
        "início da mensagem encaminhada|"
        "início da mensagem reencaminhada|messaggio inoltrato|inizio messaggio inoltrato|messaggio reindirizzato|"
        "doorgestuurd bericht|begin doorgestuurd bericht|doorgezonden bericht|wiadomość przekazana|"
        "przekazana wiadomość|"
        "początek przekazywanej wiadomości|treść przekazanej wiadomości|dalej przekazana wiadomość|"
        "wiadomość przesłana dalej|"
        "přeposlaná zpráva|začátek přeposlané zprávy|předaná zpráva|preposlaná správa|začiatok preposlanej správy|"
        "mesaj redirecționat|mesaj redirectionat|începutul mesajului redirecționat|început mesaj redirecționat|"
        "mesaj înaintat|"
        "továbbított üzenet|továbbított levél|a továbbított levél kezdete|továbbított üzenet kezdete|edastatud kiri|"
        "edastatud sõnum|"
        "algab edastatud kiri|προωθημένο μήνυμα|αρχή προωθημένου μηνύματος|μήνυμα που προωθήθηκε|iletilen mesaj|"
        "iletilmiş ileti|yönlendirilen mesaj|"
        "yönlendirilen ileti|iletilen ileti başlangıcı|i̇letilen mesaj|пересылаемое сообщение|пересланное сообщение|"
        "пересылаемое письмо|"
        "начало переадресованного сообщения|начало пересылаемого сообщения|переслане повідомлення|"
        "початок листа, що пересилається|"
        "перенаправлене повідомлення|رسالة معاد توجيهها|بداية الرسالة المعاد توجيهها|رسالة تمت إعادة توجيهها|"
        "הודעה שהועברה|תחילת ההודעה שהועברה|"
        "转发的邮件|转发邮件信息|已转发邮件|开始转发的邮件|下面是被转发的邮件|轉寄的郵件|已轉寄的郵件|"
        "以下是轉寄的郵件|開始轉寄郵件|"
        "転送されたメッセージ|転送メッセージ|転送されたメール|전달된 메시지|전달된 메일|전달된 메시지 시작|"
        "forwarded-message|tin nhắn chuyển tiếp|"
        "thư đã chuyển tiếp|pesan yang diteruskan|proslijeđena poruka|započni proslijeđenu poruku|"
        "posredovano sporočilo|"
        "pārsūtīts ziņojums|persiųstas laiškas|áframsent skeyti|missatge reenviat|inici del missatge reenviat|"
        "転送開始|mensaje original reenviado|reenviado|forwarded"
    ).split("|")
)

# A line that a phone or a program signs with: begins with the left and, where given, names one of the devices.
DEVICES = (
    "iphone|ipad|ipod|android|samsung|galaxy|blackberry|nokia|huawei|xperia|sony|pixel|oneplus|motorola|htc|"
    "windows phone|lumia|phone|"
    "mobile|handy|puhelin|mobil|tablet|outlook|mail|gmail|yahoo|proton|spark|smartphone|smart phone|handheld|verizon|"
    "t-mobile|aol|mac|"
    "móvil|celular|cellulare|telefon|telefoon|téléphone|mailbird|k-9|kaiten|airmail|matkapuhel|älypuhel|kännykä|"
    "applewatch|apple watch|windows|sähköpost|e-post|"
    "tapatalk|xiaomi|redmi|honor|oppo|hcl verse|thunderbird|nine|newton|bluemail|em client|typeapp|superhuman|hey|fastmail|"
    "front|wireless|device"
).split("|")
MOBILE = tuple(
    phrase.casefold()
    for phrase in (
        "sent from my|sent from|sent via|sent with|sent using|sent by|sent on the go|lähetetty|hanki outlook|"
        "skickat från|skickat med|skaffa outlook|sendt fra|sendt med|"
        "hent outlook|gesendet von|gesendet mit|von meinem|von unterwegs|diese nachricht wurde von meinem|envoyé de|"
        "envoyé depuis|envoyé à partir|téléchargez outlook|obtenir outlook|"
        "enviado desde|enviado do|enviado de|enviado a partir|obtener outlook|obter o outlook|inviato da|inviato dal|"
        "ottieni outlook|scarica outlook|verzonden vanaf|"
        "verstuurd vanaf|verzonden met|verzonden via|download outlook|outlook voor|get outlook|wysłane z|wysłano z|"
        "pobierz outlook|odesláno z|odesláno|"
        "odoslané z|trimis de pe|trimis din|elküldve|az én|az iphone|az ipad|saadetud minu|saadetud|στάλθηκε από|"
        "iphone'umdan|iphone'dan|отправлено с|надіслано з|"
        "أرسلت من|تم الإرسال من|נשלח מה|发自我的|从我的|發自我的|自我的|從我的|由我的|iphoneから送信|나의|내 iphone|outlook für|"
        "from my |get bluemail|yahoo mail:|"
        "download the|von samsung|mein iphone"
    ).split("|")
)

# Lines a mail gateway puts above a message from outside.
BANNERS = tuple(
    phrase.casefold()
    for phrase in (
        "caution: this email originated|caution: external|caution: this message|caution: this e-mail|caution! this|"
        "external email:|external email -|"
        "this email originated from outside|this message originated from outside|this email came from outside|"
        "this message came from outside|"
        "this message is from an external|this email is from an external|this message was sent from outside|"
        "[external]|[ext]|external sender|"
        "you don't often get email from|you don’t often get email from|"
        "some people who received this message don't often get|"
        "some people who received this message don’t often get|et saa usein sähköpostia|saat harvoin sähköpostia|"
        "huom! tämä viesti on lähetetty organisaation ulkopuolelta|huomio: tämä viesti|"
        "tämä viesti on lähetetty organisaation ulkopuolelta|"
        "tämä viesti tuli organisaation ulkopuolelta|tämä sähköposti on lähetetty organisaation ulkopuolelta|"
        "ulkoinen viesti|"
        "varning: det här e-postmeddelandet|du får inte ofta e-post från|detta meddelande kommer utifrån|"
        "achtung: diese e-mail|diese e-mail stammt von außerhalb|sie erhalten nicht oft|sie erhalten nicht häufig|"
        "vous ne recevez pas souvent|attention: ce courriel|no suele recibir correo|non si ricevono spesso|"
        "u ontvangt niet vaak|"
        "learn why this is important|lue, miksi tämä on tärkeää|learn about sender identification|[ulkoinen]|"
        "[extern]|zewnętrzn"
    ).split("|")
)

# Words of mailing list feet and confidentiality notices are left to the reader: cutting them wrongly costs more than
# they do.
LIST_FOOTERS = tuple(
    phrase.casefold()
    for phrase in (
        "you received this message because you are subscribed|to unsubscribe|groups.io links|list-unsubscribe|"
        "mailing list|postituslista|sähköpostilista|e-postlista|"
        "mailingliste|"
        "to unsubscribe from this group|liste de diffusion|lista de correo"
    ).split("|")
)
