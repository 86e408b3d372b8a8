"""Words that tell a language: what every letter is full of, as lists, for ``language``. Only data, lower case.

A word may stand in several lists; it then tells less. Languages with a script of their own need no words.
"""

from collections.abc import Mapping

WORDS: Mapping[str, str] = {
    "fi": "ja on ei että se tämä olen olemme oli ovat voi voisi voisitteko voitteko kun jos mutta myös sekä hei moi terve "
    "kiitos terveisin ystävällisin terv terveiset meille teidän meidän minun teille sinulle minulle kanssa tarjous tarjouksen "
    "onko voitte voimme haluaisimme haluaisin joka mitä missä milloin kuinka paljon nyt vielä sitten tai mukaan asti tästä niin "
    "olisi ole tarvitsemme tarvitsen yhteystiedot päivää pyydän pyydämme huomenta ohessa liitteenä tässä koska kuin vain jo "
    "en emme eivät sen siitä ne te me hän hyvää kyllä saada saako pitäisi viikolla palaan asiasta viestin kiinnostaa "
    "lomalla poissa toimitus hinta saisinko saisimmeko meillä meiltä teillä minulla olla voitko tulee tulevat ennen jälkeen "
    "kokous ehdin sopii käykö ottaa yhteyttä",
    "sv": "och att det är som inte jag vi ni på för med till av den har kan om hej tack vänliga hälsningar vänlig hälsning "
    "skulle vill från också när vad detta eller er ert oss mig din ett så men offert mvh vår våra era finns några hur "
    "skall ska blir var där här sedan bara mycket gärna behöver återkommer hos efter innan ej nu få skicka bifogat "
    "bifogar i en de du sig han hon dem alla mellan",
    "no": "og det er som ikke jeg vi dere på for med til av den har kan om hei takk vennlig hilsen hilsen skulle vil fra også "
    "når hva dette eller deres oss meg deg din et så men tilbud mvh vår våre noen hvor skal blir hadde ble her bare mye gjerne "
    "trenger etter før nå sende vedlagt å i en de du seg han hun dem alle mellom uke ønsker beklager meget",
    "da": "og det er som ikke jeg vi i på for med til af den har kan om hej tak venlig hilsen hilsen skulle vil fra også når "
    "hvad dette eller jeres jer os mig dig din et så men tilbud mvh vores nogle hvor skal bliver havde blev her kun meget "
    "gerne behøver efter før nu sende vedhæftet at en de du sig han hun dem alle mellem uge ønsker beklager være venligst "
    "bedes tilbage hører koster leveret",
    "is": "og að það er sem ekki ég við þið á fyrir með til af þetta eða um hæ takk kveðja frá einnig þegar hvað okkur mér þér "
    "en hjá verið verður hefur vinsamlegast góðan daginn ykkur vil eru þá bestu",
    "de": "und der die das ist nicht ich wir sie mit für auf den von zu im dem ein eine einen einer haben sind bitte danke guten "
    "tag hallo mit freundlichen grüßen gruß viele grüße uns ihr ihre ihnen ihren auch noch wie wenn oder aber bei nach aus "
    "können könnten würden möchten möchte wird werden dass als um bis zum zur vielen dank sehr geehrte damen herren es sich "
    "hat kann über wurde mir mich was",
    "nl": "en de het is niet ik wij we u met voor op van te in een dat die zijn graag bedankt beste goedemiddag goedendag hallo "
    "vriendelijke groet groeten ons uw jullie ook nog hoe als of maar bij naar uit kunnen kunt zou zouden willen wordt worden "
    "heeft hebben deze dit om aan er door wat wel geen alvast dank offerte ontvangen mij je onze ben bent kan hartelijke",
    "en": "the and to of you for that we with this have are not your can would please thanks thank regards hello hi be it will "
    "our from could about which if as was my is dear best like need any i in on a an at by or but so do has been let me know "
    "here there what when where how us they more just only should kind all",
    "fr": "et le la les de des un une est pas je nous vous avec pour sur dans que qui ce cette bonjour merci cordialement "
    "salutations votre vos notre nos mais ou où aussi par plus si au aux du en il elle être avoir pouvez pouvons pourriez "
    "souhaite souhaitons sont été serait voici ci joint bien très madame monsieur afin suis avez avons d l n s j qu sera "
    "jusqu retour votre leur",
    "es": "y el la los las de del un una es no yo nosotros usted ustedes con para por en que este esta hola gracias saludos "
    "saludo buenos días buenas tardes su sus nuestro nuestra pero o también más si al lo se le les ser estar puede pueden "
    "podrían quisiera queremos son está sería adjunto muy estimado estimada cordial favor cuando como hasta desde sin nos "
    "me mi qué cuánto ha han hay he muchas presupuesto necesitamos",
    "it": "e il lo la i gli le di del della dei delle un una è non io noi voi lei con per su in che questo questa ciao grazie "
    "saluti cordiali buongiorno salve vostro vostra nostro nostra ma o anche più se al alla ai da dal dalla si ci mi vi "
    "essere avere può potete potreste vorrei vorremmo sono sarebbe allegato molto gentile gentili distinti quando come fino "
    "senza ho ha hanno abbiamo avete preventivo cosa quanto nel nella attesa",
    "pt": "e o a os as de do da dos das um uma é não eu nós você vocês com para por em que este esta olá obrigado obrigada "
    "cumprimentos bom dia boa tarde seu sua nosso nossa mas ou também mais se ao à no na nos nas lhe ser estar pode podem "
    "poderiam gostaria gostaríamos são está seria anexo muito prezado prezados atenciosamente quando como até desde sem me "
    "meu minha foi tem têm segue aguardo orçamento precisamos estou isso pelo pela já",
    "ro": "și si să sa în in de la un o este nu eu noi dumneavoastră cu pentru pe că care acest această bună ziua mulțumesc "
    "multumesc salut stimă respect vă va rog rugăm nostru noastră dar sau mai dacă din ne am avem aveți ați sunt fi fost "
    "poate puteți putem doresc dorim ar când cum până fără mi le lor al ale ei îmi trimite ofertă oferta",
    "pl": "i w na z do że nie jest się to o ja my państwo dla proszę dziękuję pozdrawiam dzień dobry witam czy jak ale lub też "
    "po od za przez są był była będzie można mogą chciałbym chcielibyśmy naszej nasz nas państwa pana pani jeśli kiedy gdzie "
    "co ten ta te tego oraz wiadomość ofertę ofertą wyrażeniami szacunkiem poważaniem już tylko bardzo mamy mam przy bez ze "
    "tak może",
    "cs": "a v na se je že s z do to o pro jsem jsme jste není prosím děkuji děkujeme dobrý den pozdravem zdraví ale nebo také "
    "jak když kde co ten ta tento tuto od za po při ze by bych bychom byl byla bude můžete můžeme mohli náš naše vám vás nám "
    "nás jen ještě už velmi máme mám které který která bez si ve ke jako než až či zda děkuju ahoj nabídku jsou",
    "sk": "a v na sa je že s z do to o pre som sme ste nie prosím ďakujem ďakujeme dobrý deň pozdravom zdravím ale alebo tiež "
    "ako keď kde čo ten tá tento túto od za po pri zo by by sme bol bola bude môžete môžeme mohli náš naše vám vás nám nás len "
    "ešte už veľmi máme mám ktoré ktorý ktorá bez si vo ku než až či ahoj ponuku sú tu",
    "hr": "i u na se je da s sa z za do to o ja mi vi nije molim molimo hvala poštovani poštovanjem pozdrav lijep dan ali ili "
    "također kako kad kada gdje što taj ta ovaj ovu od po pri iz bi bih bismo bio bila bude možete možemo naš naše vam vas nam "
    "nas samo još već vrlo imamo imam koje koji koja bez li ćemo će ću sam smo ste su dobar ponudu srdačan prema tjedan "
    "dobro jesu",
    "sl": "in v na se je da z s za do to o jaz mi vi ni prosim prosimo hvala spoštovani lep pozdrav ali tudi kako ko kje kaj ta "
    "to od po pri iz bi bil bila bo bodo lahko želimo želim naš naše vam vas nam nas samo še že zelo imamo imam ki brez če kot "
    "sem smo ste so dober dan ponudbo ne pa",
    "hu": "a az és hogy nem van egy is ez azt ki mi kérem kérjük köszönöm köszönjük üdvözlettel tisztelettel tisztelt szia jó "
    "napot de vagy mint ha meg már csak még nagyon lehet lenne szeretnék szeretnénk kell vagyok vagyunk önök ön részére "
    "után között amely ami aki hol mikor mennyi ajánlatot árajánlatot el fel le be ezt annak ennek majd volt lesz illetve "
    "számára",
    "et": "ja on ei et see ma me te oma mis kui aga või ka tere aitäh tänan tervitades lugupidamisega palun meie teie meile "
    "teile kas saab saaks oleks olen oleme olid siis veel juba ainult väga kus millal kuidas palju kuni alates ning mitte "
    "nii selle sellest ole pole soovime sooviksime sooviksin vajame pakkumine pakkumist saatke saata hind tervist päevast "
    "puhkusel",
    "lv": "un ir ka ar par no uz lai nav es mēs jūs jums mums lūdzu paldies labdien sveiki cieņu vai bet arī kas kā kad kur "
    "šo šis tas tā ja pie pēc līdz tikai vēl ļoti būtu būs var varat mūsu jūsu kuru kuri piedāvājumu vēlamies esmu",
    "lt": "ir yra kad su apie iš į ne aš mes jūs jums mums prašome prašau ačiū dėkui laba diena sveiki pagarbiai ar bet taip "
    "pat kas kaip kada kur šį šis tai jei prie po iki tik dar labai būtų bus gali galite mūsų jūsų kuri kurie pasiūlymą norime "
    "norėčiau esu nuo",
    "tr": "ve bir bu için ile de da çok ne mi mı mu mü ama veya var yok olarak gibi kadar sonra daha en ben biz siz size bize "
    "bizim sizin merhaba selam teşekkürler teşekkür ederim ederiz saygılar saygılarımla lütfen rica iyi günler sayın olan oldu "
    "olup ise her şey bunu şu hakkında teklif istiyoruz istiyorum konusunda ilgili bilgi tarihinde değil ekte",
    "vi": "và là của có không tôi chúng cho với trong này được các những một để xin chào cảm ơn trân trọng bạn anh chị khi "
    "từ về đã sẽ gửi báo giá",
    "id": "dan yang di ke dari ini itu untuk dengan tidak saya kami anda akan ada pada adalah terima kasih selamat hormat mohon "
    "bisa sudah juga atau kepada harga salam",
    "ru": "и в не на что я с по как мы вы к для это этот но из за от у же о до если бы или так вам вас нам нас наш ваш есть "
    "был была будет можно здравствуйте добрый день спасибо уважением пожалуйста просим прошу также когда где только еще ещё "
    "уже очень нужно хотели хочу могли можете который которые при без он она они",
    "uk": "і в не на що я з по як ми ви до для це цей але із за від у ж про та якщо б або так вам вас нам нас наш ваш є був "
    "була буде можна вітаю доброго добрий день дня дякую дякуємо повагою будь ласка просимо прошу також коли де тільки ще "
    "вже дуже потрібно хотіли хочу могли можете який які при без він вона вони й",
    "bg": "и в не на че аз с по как ние вие за това този но от до ако би или така вам вас ни нас наш ваш има беше ще може "
    "здравейте добър ден благодаря благодарим уважение поздрави моля също кога къде само още вече много искаме бих който които "
    "при без той тя те е са се да съм сме",
}

# Letters that one language (or few) writes, and no other of ours.
LETTERS: Mapping[str, str] = {
    "de": "ß", "pl": "łąęśźż", "hu": "őű", "ro": "țșţ", "cs": "ěřů", "sk": "ľĺŕ", "tr": "ğış", "et": "õ", "pt": "ãõ", "es": "ñ¿¡",
    "da": "æø", "no": "æø", "uk": "їєіґ", "ru": "ыэёъ", "hr": "đ", "fr": "œçèê", "is": "þð", "lv": "āēīņļķģ", "lt": "ėįųū",
    "vi": "ơưạảấầẩẫậắằẵặẻẽếềểễệịọốồổộớờởợụủứừửữựỳ", "bg": "ъщ",
}  # fmt: skip
