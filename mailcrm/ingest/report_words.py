"""What mail systems write in their reports: facts of the field, as lists.

All lower case, looked for with ``in`` or as one alternation. They count only in a mail that a machine is known to have written,
so they may be general; a person who writes the same words is not asked here.
"""

import re


def alternation(words: tuple[str, ...]) -> re.Pattern[str]:
    """One pattern for many literal phrases; a space stands for any white space, a line end included, "…" for a few words."""
    return re.compile("|".join(r"\s{1,8}".join(map(re.escape, word.split())).replace("…", _GAP) for word in words))


_GAP = r"[^.!?]{1,60}?"


DAEMONS = (
    "mailer-daemon", "mailerdaemon", "mailer_daemon", "mail-daemon", "maildaemon", "mail.daemon", "postmaster",
    "daemon", "mdaemon", "microsoftexchange", "double-bounce", "mail-delivery", "maildelivery",
)  # fmt: skip

# Names in front of the address of a report.
DAEMON_NAMES = (
    "mail delivery", "mail.delivery", "maildelivery", "mail administrator", "mailer-daemon", "mailer daemon",
    "system administrator", "postmaster", "microsoft outlook", "delivery subsystem", "internet mail delivery",
    "ndr admin", "mail system", "courier mail server", "postijärjestelmä", "e-mail system",
)  # fmt: skip

# Local parts a machine may have; they count only together with a report's subject.
MACHINE_WORDS = (
    "mail", "smtp", "no-reply", "noreply", "gateway", "bounce", "delivery", "mta", "imss", "notif", "daemon", "ndr",
    "sysadmin", "administrator", "system", "robot",
)  # fmt: skip
# Local parts of a mail system; with a null reverse-path they need no report's subject.
GATEWAYS = (
    "mail", "smtp", "gateway", "bounce", "deliver", "mta", "ndr", "admin", "antispam", "spam", "filter", "virus", "security",
)  # fmt: skip

SUBJECTS = (
    # English
    "undeliver", "unzustellbar", "delivery status notification", "delivery failure", "delivery fail",
    "delivery failed", "failure delivery", "delivery report", "delivery notification", "failure notice",
    "returned mail", "mail delivery", "returned to sender", "returning message to sender", "delivery problem",
    "mail system error", "message you sent blocked", "non-deliver", "nondeliver", "non delivery",
    "could not be delivered", "couldn't be delivered", "cannot be delivered", "not delivered", "mail could not",
    "unable to deliver", "delivery error", "delivery unsuccessful", "error sending", "failed delivery",
    "user unknown", "unknown user", "mail error", "delivery has failed", "mail failed", "failed mail",
    "processing error", "message delivery", "message status", "mail failure", "failed to deliver", "not deliverable",
    "mail returned", "message rejected", "rejected mail", "mail rejected", "message not delivered",
    "returned message", "bounced mail", "mail bounced", "bounce notification", "mailbox full", "mailbox is full",
    "permanent error", "recipient unknown", "address not found", "message could not be", "notification of delivery",
    "mail status", "mail delivery status", "email delivery", "delivery of your message", "failed message",
    "relayed:", "delivered:",
    # a delay
    "warning: message", "warning: could not send", "delayed mail", "delivery delayed",
    "delivery temporarily suspended", "delivery incomplete", "delayed delivery", "mail delayed", "message delayed",
    "delivery delay", "viivästynyt", "försenad", "verzögert", "forsinket",
    # Finnish, Swedish, Norwegian, Danish, Estonian
    "toimitus ei onnistunut", "toimitus epäonnistui", "toimitus epäonnistunut", "ei voitu toimittaa",
    "ei voi toimittaa", "toimittamaton", "toimittamatta", "toimitusvirhe", "toimittaminen epäonnistui", "toimitusraportti",
    "palautettu viesti", "palautunut viesti", "olevererbart", "kunde inte levereras", "går inte att leverera",
    "gick inte att leverera", "ej levererat", "ikke levert", "kunne ikke leveres", "kan ikke leveres", "ikke leveres",
    "ikke leveret", "kohaletoimetamine ebaõnnestus", "kättetoimetamatu", "kan inte levereras", "ikke leverbar",
    # German, Dutch, French, Italian, Spanish, Portuguese
    "nicht zugestellt", "nicht zustellbar", "konnte nicht zugestellt", "zustellung fehlgeschlagen",
    "fehler bei der zustellung", "zustellung", "zustellfehler", "onbestelbaar", "niet bezorgd", "niet afgeleverd",
    "kan niet worden bezorgd", "non remis", "échec de la remise", "échec de la distribution", "échec de remise",
    "non distribu", "non délivr", "avis de non", "erreur de distribution", "message refusé", "mancato recapito",
    "non recapitabile", "impossibile recapitare", "mancata consegna", "non consegnat", "errore di consegna",
    "no se puede entregar", "no se pudo entregar", "no entregado", "no se ha podido entregar", "error de entrega",
    "devuelto", "não entregue", "falha na entrega", "falha de entrega", "não pôde ser entregue", "erro na entrega",
    "mensagem devolvida", "retorno de mensagem",
    # Polish, Czech, Slovak, Hungarian, Romanian, Turkish, Greek, Russian
    "niedostarczon", "nie dostarczon", "nedoručiteln", "nedoručen", "nedoručiteľn", "kézbesíthetetlen", "kézbesítési",
    "nelivrat", "nelivrabil", "nu a putut fi livrat", "teslim edilemedi", "letilemedi", "αδυναμία παράδοσης",
    "δεν παραδόθηκε", "δεν είναι δυνατή η παράδοση", "не удается доставить", "не вдалося доставити", "недоставлен",
    "не може бути доставлено", "не може да се достави", "neisporuč", "ni mogoče dostaviti", "nedostavlj", "nepiegād",
    "neįteikt", "nepristatyt",
    "не доставлено", "недоставлен", "невозможно доставить", "сообщение не доставлено", "не может быть доставлено",
    # Chinese, Japanese, Korean
    "退信", "無法傳遞", "无法送达", "未送达", "未能送达", "投递失败", "投递状态", "傳送失敗", "发送失败", "被退回",
    "无法传递", "無法傳送", "無法送達",
    "メールエラー", "配信エラー", "配信できません", "配信不能", "送信エラー", "送信できません", "エラーメール",
    "不達", "配達不能", "반송", "전송 실패", "배달 실패", "배달되지", "배달할 수 없", "전달되지",
    # Hebrew, Arabic, Vietnamese, Thai, Indonesian
    "לא ניתן למסירה", "לא ניתן למסור", "غير قابل للتسليم", "تعذر تسليم", "không gửi được", "không thể gửi", "ไม่สามารถส่ง",
    "tidak terkirim", "tidak dapat dikirim",
)  # fmt: skip

DELAY_SUBJECTS = (
    "delay", "still being retried", "warning: could not send", "delivery incomplete", "temporarily suspended",
    "delivery status notification: warning", "will be retried", "viivästy", "försena", "verzögert", "forsinket",
    "vertraagd", "retardé", "ritardat", "retrasad", "opóźnion", "задерж", "延迟", "遅延", "fördröj", "atrasad",
    "zpožděn", "oneskoren", "késleltet", "întârziat", "gecik", "καθυστέρ", "отложен", "затрим", "延遲", "지연", "hiline",
)  # fmt: skip

# Sentences that say the mail waits. A permanent failure names none of them as what happens next.
DELAYS = alternation(
    (
        "will be retried", "will retry", "will keep trying", "still trying", "not yet been delivered",
        "not been delivered yet", "warning message only", "this is a warning only", "do not need to resend",
        "no need to resend", "no action is required", "delivery attempts will continue", "continue trying",
        "continue to try", "message still undelivered", "only a temporary", "temporary failure report",
        "message is delayed", "has been delayed", "about a delay", "not yet received your message",
        "delivery of your message is delayed", "delivery is delayed", "attempts to deliver the message will continue",
        "will continue to be tried", "is still in the queue", "is still queued", "yritetään uudelleen",
        "ei tarvitse lähettää uudelleen", "toimitus on viivästynyt", "nya försök", "behöver inte skicka om",
        "wird weiter versucht", "weitere zustellversuche", "nicht erneut senden", "noch nicht zugestellt",
        "n'a pas encore été remis", "nouvelles tentatives", "non è ancora stato recapitato",
        "todavía no se ha entregado", "ainda não foi entregue", "будет повтор", "попытки доставки будут", "将继续尝试",
        "再試行", "再送を試み", "toimitus kesken", "yrittää uudelleen", "försöker igen", "prøver igjen", "prøver igen",
        "versucht es weitere", "réessaiera", "volverá a intentar", "riproverà", "tentará novamente", "tentará mais",
        "probeert het nog", "ponowi próbę", "повторит попыт", "повторные попытки", "重试", "重試", "재시도",
        "on viivästynyt", "är fördröjd", "ännu inte levererats", "er forsinket",
        "ennå ikke levert", "endnu ikke leveret", "empfänger oder gruppen verzögert", "weiterhin versuchen",
        "est retardée", "pas encore été remis", "pas encore pu être remis", "è in ritardo", "non ancora recapitat",
        "se ha retrasado", "aún no se ha entregado", "está atrasada", "is vertraagd", "nog niet bezorgd",
        "nog niet afgeleverd", "jest opóźnion", "jeszcze dostarczona", "je zpožděno", "dosud nebyla doručena",
        "késik", "még nem", "a fost întârziat", "încă nu a fost livrat", "gecikti", "henüz teslim", "καθυστερ",
        "еще не доставлено", "ещё не доставлено", "отложена", "ще не доставлено", "затримується", "尚未传递", "尚未送达",
        "尚未傳遞", "尚未送達", "已延迟", "已延遲", "遅れています", "まだ配信されて", "지연되", "아직 배달되지",
    )
)  # fmt: skip
PERMANENT = alternation(
    (
        "permanent error", "permanent fatal", "failed permanently", "permanently failed", "given up", "giving up",
        "no further deliveries", "will not be retried", "permanent failure", "undeliverable", "message expired",
        "delivery time expired", "retry timeout exceeded", "has been removed from the mail queue",
        "returned to sender", "retry time exhausted", "too old", "cannot be delivered",
    )
)  # fmt: skip
SUCCESSES = (
    "successfully delivered", "successful mail delivery", "recipients or groups is complete",
    "notification (success)", "successfully relayed", "was delivered to", "delivered to the recipient",
    "has been delivered to", "delivery confirmation", "onnistuneesti toimitettu", "erfolgreich zugestellt",
    "wurde zugestellt an", "a été remis aux destinataires", "se ha entregado a los siguientes", "levererades till",
    "on toimitettu seuraaville", "folgende empfänger zugestellt", "har levererats till", "er levert til",
    "er leveret til", "è stato recapitato a", "foi entregue a", "is bezorgd bij", "została dostarczona do", "byla doručena",
    "доставлено следующим", "已传递给", "已送达以下", "正常に配信されました", "전달되었습니다",
)  # fmt: skip

SUCCESS = re.compile(rf"(?<![A-Za-zÀ-ɏΑ-ωА-яё])(?:{alternation(SUCCESSES).pattern})")
# Before such a sentence it says the contrary.
NEGATION = re.compile(
    r"(?<!\w)(?:not|never|no|non|nicht|kein\w{0,2}|ei|eivät|inte|ikke|não|nie|nem|nu|ne|не|niet|pas|unable|could)(?!\w)|n't|[未不没無못]"
)

# Sentences of a mail system right before or beside the address that failed.
FAILURES = alternation(
    (
        # English
        "not be delivered", "n't be delivered", "cannot be delivered", "wasn't able to deliver", "unable to deliver",
        "not able to deliver", "could not deliver", "couldn't deliver", "failed to deliver", "was not delivered",
        "wasn't delivered", "not delivered to", "not been delivered", "have not yet received", "failed permanently",
        "permanently failed", "fatal errors", "fatal delivery", "delivery problems", "delivery failed",
        "delivery has failed", "delivery to the following", "delevery to the following", "trying to deliver",
        "attempting to deliver", "delivering your mail", "delivery of your message", "address(es) failed",
        "addresses failed", "failed address", "failed recipient", "intended recipients", "recipients were affected",
        "did not reach", "could not be reached", "did not receive your message", "recipient address rejected",
        "undeliverable", "user unknown", "unknown user", "no such user", "user not known", "user doesn't have",
        "unknown recipient", "recipient unknown", "invalid recipient", "invalid final delivery", "no such recipient",
        "no such mailbox", "no mailbox", "mailbox unavailable", "mailbox not found", "mailbox is full",
        "mailbox full", "mailbox disabled", "mailbox exceeds", "over quota", "quota exceeded", "quota violation",
        "exceeded the", "does not exist", "doesn't exist", "not listed in", "address not found", "wasn't found at",
        "not found at", "host unknown", "unrouteable", "unroutable", "couldn't find any host", "no longer in use",
        "no longer valid", "has been disabled", "account is closed", "account closed", "account has been",
        "was rejected", "been rejected", "rejected by", "automatically rejected", "message blocked", "not accepting",
        "refused", "retry timeout", "still undelivered", "message is delayed", "not collected", "deferred:",
        "addressed to", "could not send message", "unable to send", "could not be sent", "error sending",
        "xmail bounce", "delivery error", "failure reasons", "following destination addresses", "no valid recipients",
        "may not exist", "returned to you", "temporary problem delivering", "had permanent", "bounced",
        "relaying denied", "not permitted", "transcript of session",
        # Finnish, Swedish, Norwegian, Danish, Estonian
        "ei voitu toimittaa", "ei voi toimittaa", "ei toimitettu", "ei onnistunut", "epäonnistui", "ei löydy",
        "ei tavoittanut", "ei mennyt perille", "kunde inte nå", "nådde inte", "misslyckades", "nådde ikke",
        "mislykkedes", "mislyktes", "ei leitud", "nurjus",
        "ei löytynyt", "tuntematon vastaanottaja", "postilaatikko on täynnä", "inte leverera", "inte levereras",
        "inte att leverera", "okänd mottagare", "gick inte att hitta", "ikke leveres", "ikke levert", "ikke leveret",
        "kunne ikke levere", "ei õnnestunud",
        # German, Dutch, French, Italian, Spanish, Portuguese
        "nicht zugestellt", "nicht zustellen", "zustellung", "fehlgeschlagen", "nachrichtenzustellung",
        "unbekannter empfänger", "empfänger nicht erreicht", "is mislukt", "niet bereikt",
        "niet worden bezorgd", "niet bezorgd", "kan niet worden", "échec", "pas pu être",
        "pas pu etre", "n'existe pas", "introuvable", "impossible de remettre", "non è stato possibile",
        "impossibile", "non sono riuscito", "non recapit", "non esiste", "no pudo ser entregado", "no se pudo",
        "no se ha podido", "error en la entrega", "non riuscit", "non consegnat", "pas atteint", "não alcançou", "falhou",
        "no se encontró", "no se ha entregado", "no existe", "não foi possível", "não pôde", "não existe", "falha",
        # Polish, Czech, Hungarian, Romanian, Turkish, Greek, Russian
        "nie została dostarczona", "nie może", "nie istnieje", "nedoruč", "nelze doručit", "nem sikerült", "kézbesít",
        "nie powiodło", "nie odnaleziono", "nezdařilo", "zlyhalo", "nebylo možné", "nu a reușit", "nereușit",
        "nu a putut", "teslim edilemedi", "letilemedi", "başarısız", "απέτυχε", "δεν παραδόθηκε", "δεν βρέθηκε",
        "сбой доставки", "не найден", "не вдалося", "неуспешн", "nije uspjel", "ni uspel", "neizdev", "nav izdevies",
        "nepavyko", "δεν ήταν δυνατή", "не может быть", "не доставлен",
        "не удалось", "невозможно", "не существует",
        # Chinese, Japanese, Korean
        "退信", "退回", "无法投递", "无法送达", "未能成功", "未能送达", "无法发送", "投递失败", "無法傳遞", "不存在",
        "送信できません", "配信できません", "届けできません", "届きません", "リストにありません", "エラーのため",
        "見つかりません", "配信に失敗", "送信に失敗", "未能向", "无法传递", "失败", "失敗", "無法傳送", "無法送達",
        "找不到", "반송", "전달하지 못", "배달할 수 없", "배달하지 못", "찾을 수 없", "존재하지", "실패", "전송되지",
        # Hebrew, Arabic, Vietnamese, Thai, Indonesian
        "נכשל", "לא נמצא", "فشل التسليم", "تعذر", "لم يتم تسليم", "đã thất bại", "không thể gửi", "không tìm thấy",
        "ล้มเหลว", "ไม่สามารถส่ง", "gagal", "tidak ditemukan",
    )
)  # fmt: skip

# Where the mail that came back begins.
RETURNED = (
    "original message", "a copy of the message", "this is a copy of", "included message", "returned message",
    "below this line", "original headers", "message header", "unsent message", "returned mail",
    "the header of the original", "header and top", "message text follows", "message headers follow",
    "here is a copy", "start of returned", "copy of your message", "below is a copy", "the original message",
    "a copy of the original", "undelivered message", "your original message", "possibly truncated original",
    "original mail", "your message reads", "di seguito una copia", "messaggio originale", "ursprüngliche nachricht",
    "originalnachricht", "message d'origine", "message original", "mensaje original", "mensagem original",
    "en-têtes d'origine", "encabezados de mensaje original", "ursprüngliche nachrichtenkopf", "intestazioni originali",
    "ursprungliga meddelandehuvud", "originele berichtkop", "oryginalne nagłówki", "原始邮件标头", "原始郵件標頭",
    "元のメッセージ ヘッダー", "원본 메시지 머리글", "исходные заголовки", "debajo de esta línea", "sotto questa riga",
    "alkuperäinen viesti", "alkuperäisen viestin", "ursprungligt meddelande", "ursprungliga meddelande",
    "original meldung", "原始邮件", "以下是原", "元のメッセージ",
)  # fmt: skip
NOT_RETURNED = (
    "original message was",
    "the original message was",
    "original message received",
    "the original message from",
)

# Lines that hold an address which is not the recipient's.
ASIDE = (
    "from:", "mail from", "sender:", "reply-to", "contact", "for help", "for assistance", "for further",
    "please write", "write to", "please email", "please mail", "please send mail to", "abuse@", "postmaster@",
    "support@", "helpdesk@", "hostmaster@", "message-id", "received:", "reporting-mta", "http://", "https://",
    "generated from", "return-path", "errors-to", "lähettäjä:", "ota yhteyttä", "von:", "absender", "kontakt", "de:",
    "expéditeur", "da:", "mittente", "remitente", "发件人", "差出人", "отправител", "spf", "dkim", "envelope-from",
    "x-mailer", "subject:", "aihe:",
)  # fmt: skip
# Words beside the address of the recipient.
BESIDE = (
    "recipient", "rcpt", "failed", "to:", "address", "addressed to", "vastaanottaj", "mottagare", "empfänger",
    "destinat", "odbiorc", "получател", "收件人", "収件人", "宛先", "あて先", "送信先", "수신", "user", "mailbox",
    "account", "deliver",
)  # fmt: skip

# What a report says in words, as the code it means (RFC 3463); the first that fits.
MEANINGS: tuple[tuple[str, re.Pattern[str]], ...] = (
    (
        "5.2.2",
        alternation(
            (
                "over quota", "quota exceeded", "mailbox is full", "mailbox full", "exceeded the local limit",
                "quota violation", "disk quota", "account is full", "mailbox exceeds", "insufficient storage",
                "exceeded storage", "out of space", "not enough space", "postilaatikko on täynnä", "too much mail",
                "over the maximum allowed", "mailbox size limit", "quota", "recipient storage full", "postfach voll",
                "boîte pleine", "邮箱已满", "容量", "inbox is full", "inbox full", "account full", "mailbox limit",
                "postfach ist voll", "postfach des empfängers ist voll", "boîte aux lettres pleine",
                "boîte aux lettres est pleine", "casella piena", "casella di posta piena", "buzón lleno",
                "buzón está lleno", "caixa postal cheia", "caixa de correio está cheia", "caixa de entrada cheia",
                "postvak is vol", "mailbox is vol", "brevlådan är full", "postlådan är full", "innboksen er full",
                "postkassen er ful", "skrzynka jest pełna", "skrzynka odbiorcy jest pełna", "schránka je plná",
                "ящик переполнен", "ящик получателя переполнен", "メールボックスがいっぱい", "受信箱がいっぱい", "가득",
                "邮箱空间不足", "空间已满", "已滿",
            )
        ),
    ),
    (
        "5.3.4",
        alternation(
            (
                "message size exceeds", "too large", "message too big", "size limit", "exceeds size",
                "exceeded maximum size",
            )
        ),
    ),
    (
        "5.1.2",
        alternation(
            (
                "host unknown", "unknown host", "host not found", "couldn't find any host", "domain not found",
                "name server", "no such domain", "unrouteable mail domain", "domain does not exist", "nxdomain",
                "unknown domain",
            )
        ),
    ),
    (
        "5.7.1",
        alternation(
            (
                "as spam", "spam message", "blocked using", "blacklist", "listed by", "blocked by", "relaying denied",
                "relay not permitted", "relay access denied", "policy", "message blocked", "access denied",
                "content filter", "not authorized", "not permitted", "permission to post", "virus",
            )
        ),
    ),
    (
        "5.2.1",
        alternation(
            (
                "mailbox disabled", "account disabled", "has been disabled", "disabled or discontinued",
                "account is closed", "account closed", "inactive", "account has been suspended",
                "mailbox is disabled", "no longer active",
            )
        ),
    ),
    (
        "5.1.1",
        alternation(
            (
                "user unknown", "unknown user", "no such user", "user not known", "unknown recipient",
                "recipient unknown", "no such recipient", "no such mailbox", "mailbox not found", "address not found",
                "user not found", "recipient not found", "mailbox name not found",
                "was not found in", "wasn't found", "couldn't be found", "no mailbox here", "not listed in", "doesn't have a",
                "doesn't have an", "invalid recipient", "no mailbox by that name", "unrouteable address",
                "unknown address", "user doesn't exist", "user does not exist", "account does not exist",
                "recipnotfound", "osoitetta ei löydy", "osoitetta ei löytynyt", "tuntematon vastaanottaja",
                "okänd mottagare", "unbekannter empfänger", "utilisateur inconnu", "usuário desconhecido",
                "usuario desconocido", "utente sconosciuto", "неизвестный получатель", "n'existe pas", "inexistante",
                "non esiste", "no existe", "não existe", "nie istnieje", "neexistuje", "bulunamadı", "не существует",
                "niet gevonden", "wurde nicht gefunden", "konnte nicht gefunden", "nem létezik", "存在しません",
                "存在しない", "존재하지", "不存在", "lhost unknown", "unknown or illegal alias", "no longer in use",
            )
        ),
    ),
    (
        "4.4.1",
        alternation(
            (
                "connection timed out", "connection refused", "not responding", "did not accept our requests",
                "socket error",
            )
        ),
    ),
)  # fmt: skip
