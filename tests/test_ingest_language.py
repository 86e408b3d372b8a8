"""Which language a mail is written in."""

import pytest

from mailcrm.ingest.language import language_of

LETTERS = {
    "en": (
        "Hi Mark, following up on our call yesterday, could you send over the revised drawings before Thursday? "
        "The board meets on Friday and I'd rather not go in empty-handed. Cheers, Liz"
    ),
    "fi": (
        "Hei Markku, palaan vielä eiliseen puheluun: ehtisitkö lähettää korjatut piirustukset ennen torstaita? "
        "Hallitus kokoontuu perjantaina. Terveisin Liisa"
    ),
    "sv": (
        "Hej Markus, apropå gårdagens samtal, hinner du skicka de reviderade ritningarna före torsdag? Styrelsen "
        "träffas på fredag och jag vill gärna ha dem då. Hälsningar Lisa"
    ),
    "no": (
        "Hei Markus, angående samtalen i går, rekker du å sende de reviderte tegningene før torsdag? Styret møtes "
        "på fredag, og jeg vil gjerne ha dem med. Vennlig hilsen Lise"
    ),
    "da": (
        "Hej Markus, angående vores samtale i går, kan du nå at sende de reviderede tegninger inden torsdag? "
        "Bestyrelsen mødes på fredag, og jeg vil gerne have dem med. Venlig hilsen Lise"
    ),
    "de": (
        "Hallo Markus, zu unserem gestrigen Telefonat: Schaffst du es, die überarbeiteten Zeichnungen vor "
        "Donnerstag zu schicken? Der Vorstand tagt am Freitag. Viele Grüße Lisa"
    ),
    "fr": (
        "Bonjour Marc, suite à notre appel d'hier, peux-tu envoyer les plans révisés avant jeudi ? Le conseil se "
        "réunit vendredi et je préférerais les avoir. Bien à toi, Lise"
    ),
    "es": (
        "Hola Marcos, a raíz de nuestra llamada de ayer, ¿podrías enviar los planos revisados antes del jueves? El "
        "consejo se reúne el viernes y me gustaría llevarlos. Un abrazo, Luisa"
    ),
    "it": (
        "Ciao Marco, in seguito alla telefonata di ieri, riesci a mandarmi i disegni rivisti prima di giovedì? Il "
        "consiglio si riunisce venerdì e vorrei averli con me. A presto, Luisa"
    ),
    "pt": (
        "Olá Marcos, na sequência da nossa chamada de ontem, consegues enviar os desenhos revistos antes de "
        "quinta-feira? O conselho reúne-se na sexta e gostava de os levar. Abraço, Luísa"
    ),
    "nl": (
        "Hoi Mark, naar aanleiding van ons gesprek van gisteren: lukt het om de aangepaste tekeningen vóór "
        "donderdag te sturen? Het bestuur komt vrijdag bijeen. Groetjes, Lies"
    ),
    "pl": (
        "Cześć Marku, w nawiązaniu do wczorajszej rozmowy, czy zdążysz przesłać poprawione rysunki przed "
        "czwartkiem? Zarząd spotyka się w piątek i wolałabym je mieć. Pozdrawiam, Liza"
    ),
    "cs": (
        "Ahoj Marku, navazuji na náš včerejší hovor: stihneš poslat upravené výkresy do čtvrtka? Představenstvo se "
        "schází v pátek a ráda bych je měla s sebou. Díky, Líza"
    ),
    "ro": (
        "Bună Marcu, revin la discuția noastră de ieri: poți să trimiți desenele revizuite înainte de joi? "
        "Consiliul se întrunește vineri și aș vrea să le am la mine. O zi bună, Luiza"
    ),
    "hu": (
        "Szia Márk, a tegnapi beszélgetésünk kapcsán: el tudod küldeni a javított rajzokat csütörtök előtt? A "
        "vezetőség pénteken ülésezik, és jó lenne, ha nálam lennének. Üdv, Liza"
    ),
    "et": (
        "Tere Mark, meie eilse kõne jätkuks: kas jõuad parandatud joonised enne neljapäeva saata? Juhatus koguneb "
        "reedel ja tahaksin need kaasa võtta. Kõike head, Liis"
    ),
    "el": (
        "Γεια σου Μάρκο, σε συνέχεια της χθεσινής μας κλήσης, προλαβαίνεις να στείλεις τα αναθεωρημένα σχέδια πριν "
        "την Πέμπτη; Το συμβούλιο συνεδριάζει την Παρασκευή."
    ),
    "tr": (
        "Merhaba Murat, dünkü görüşmemizle ilgili olarak, düzeltilmiş çizimleri perşembeden önce gönderebilir "
        "misin? Yönetim kurulu cuma günü toplanıyor. Sevgiler, Leyla"
    ),
    "ru": (
        "Привет, Марк! По вчерашнему разговору: успеешь прислать исправленные чертежи до четверга? Правление "
        "собирается в пятницу, и мне хотелось бы иметь их с собой. Лиза"
    ),
    "uk": (
        "Привіт, Марку! Щодо вчорашньої розмови: чи встигнеш надіслати виправлені креслення до четверга? Правління "
        "збирається в п'ятницю, і мені хотілося б мати їх із собою. Ліза"
    ),
    "sk": (
        "Ahoj Marek, nadväzujem na náš včerajší hovor: stihneš poslať upravené výkresy do štvrtka? Predstavenstvo "
        "sa stretáva v piatok a rada by som ich mala so sebou. Vďaka, Líza"
    ),
    "hr": (
        "Bok Marko, vezano uz jučerašnji razgovor: stigneš li poslati ispravljene nacrte do četvrtka? Uprava se "
        "sastaje u petak i voljela bih ih imati sa sobom. Lijep pozdrav, Liza"
    ),
    "ar": "مرحباً ماركو، بخصوص مكالمتنا أمس، هل يمكنك إرسال الرسومات المعدلة قبل يوم الخميس؟ يجتمع المجلس يوم الجمعة.",
    "zh": "马克你好，关于昨天的电话，能否在周四之前把修改后的图纸发给我？董事会周五开会。",
    "ja": "マークさん、昨日の電話の件ですが、修正した図面を木曜日までに送っていただけますか。取締役会は金曜日です。",
    "ko": "마크 님, 어제 통화와 관련하여 수정된 도면을 목요일 전까지 보내 주실 수 있을까요? 이사회가 금요일에 열립니다.",
}


@pytest.mark.parametrize("code", LETTERS)
def test_a_letter_of_two_or_three_sentences_tells_its_language(code: str) -> None:
    assert language_of(LETTERS[code]) == code


@pytest.mark.parametrize(
    ("code", "text"),
    [
        (
            "fi",
            "Hei,\n\npyydämme tarjousta 24 ikkunasta toukokuun loppuun mennessä.\n\nYt. Päivi Mäkelä\np. 040 123 4567",
        ),
        ("sv", "Hej,\n\nvi behöver en offert på tolv dörrar.\nLeverans senast v. 22.\n\nMvh\nÅsa"),
        ("no", "Hei,\n\nkan dere sende et tilbud på tre pumper innen fredag?\n\nHilsen\nBjørn"),
        ("da", "Hej\n\nHvad koster 200 meter kabel leveret i Aarhus?\n\nMed venlig hilsen\nSøren Kjær"),
        ("et", "Tere,\n\npalun saatke pakkumine seitsmele aknale.\n\nLugupidamisega\nJüri Õunapuu"),
        ("cs", "Dobrý den,\n\nprosím o nabídku na šest čerpadel.\n\nS pozdravem\nJiří Dvořák"),
        ("sk", "Dobrý deň,\n\nprosím o cenovú ponuku na 13 dverí.\n\nS pozdravom\nĽubomír Šťastný"),
        ("hr", "Poštovani,\n\nmolimo ponudu za 18 prozora.\n\nS poštovanjem\nŽeljko Đurić"),
        ("uk", "Доброго дня!\n\nПросимо надіслати пропозицію на 16 вікон.\n\nЗ повагою\nЮлія Гнатюк"),
        ("zh", "您好，\n\n请报20台水泵的价格。\n\n谢谢\n王晓明"),
        ("ja", "お世話になっております。\n\nポンプ5台の見積をお願いいたします。\n\n佐藤"),
        ("ko", "안녕하세요.\n\n펌프 6대 견적을 부탁드립니다.\n\n감사합니다.\n김민수 드림"),
        ("ar", "مرحباً،\n\nنرجو إرسال عرض سعر لعشر مضخات.\n\nمع التحية\nأحمد"),
        ("el", "Καλημέρα,\n\nθα θέλαμε προσφορά για εννέα αντλίες.\n\nΜε εκτίμηση\nΓιώργος"),
        ("he", "שלום, אשמח לקבל הצעת מחיר לעשר משאבות. תודה"),
        ("th", "สวัสดีครับ ขอใบเสนอราคาปั๊มสิบตัวครับ"),
        ("fa", "سلام، لطفاً برای ده پمپ پیشنهاد قیمت بدهید. گرچه عجله نداریم، با تشکر"),
    ],
)
def test_so_does_a_short_request(code: str, text: str) -> None:
    assert language_of(text) == code


@pytest.mark.parametrize(
    "text",
    [
        "",
        "OK",
        "Kiitos!",
        "Pekka Virtanen 040 123 4567",
        "https://www.x.example/en/the/and/of/you",
        "RFQ 4711 / PO 22",
        "lorem ipsum dolor sit amet consectetur adipiscing elit",
        "Hi, vi vill ja und nein, och the de",
        "🙂",
    ],
)
def test_nothing_is_said_when_unsure(text: str) -> None:
    assert language_of(text) == ""


def test_a_foreign_name_or_word_does_not_change_it() -> None:
    text = "Hei, 佐藤 花子 ja Γιώργος tulevat torstaina; meillä on kokous Hotel de la Poste -hotellissa, voitko olla mukana?"
    assert language_of(text) == "fi"


def test_addresses_and_links_have_no_language() -> None:
    assert (
        language_of("Hei, katso https://x.example/the/and/of ja vastaa the@and.example, kiitos. Onko tämä meille?")
        == "fi"
    )
