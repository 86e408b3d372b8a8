# ruff: noqa: SIM905 - a list of words is read more easily as words
"""A subject without the reply and forward prefixes that mail programs add.

``base_subject`` is total and linear: whatever comes, it answers with the bare subject and whether a prefix was there.
The prefixes are those of mail programs in the languages we meet; banners such as ``[EXTERNAL]`` are removed but are no
prefix.
"""

import re

# Lower case. A word here is only a prefix directly before a colon, so short ones ("r", "i", "vs") do little harm.
REPLY_PREFIXES = frozenset(
    "re vs sv aw antw antwort odp res rif r rép rép. rp re. vá ynt yanıt cevap απ απάντηση σχετ hа на ha отв ответ "
    "ответы "
    "回复 答复 回覆 答覆 返信 回信 답장 회신 رد השב תשובה atb bls balas trả_lời vastaus svar sc rsp tzt ats vast".split()
)
FORWARD_PREFIXES = frozenset(
    "fwd fw fwd. vl vb wg tr rv enc i pd πρθ προωθ προωθημένο továbbítás tov doorst doorgest ilt ileti пер пересл "
    "переслано "
    "转发 轉寄 轉發 転送 전달 fs vs.vl välitetty edelleenlähetetty videresendt vid tovább przek prosl redirigida "
    "inoltra "
    "vidaresänd videresend välitys välitä edasi přep přepos preposl "
    "encaminhado encaminhada i̇lt i̇leti reenviado yl edast vidarebefordrat weitergeleitet weiterl".split()
) | {"إعادة توجيه", "הועבר", "podaj dalej"}

# One prefix at the start: a word, perhaps a counter ("Re[2]:", "RE(3):", "Re^2:", "Re*2:", "Re2:"), a colon of either
# width.
_PREFIX = re.compile(
    r"\s{0,9}([^\W\d_][^\W\d_. ]{0,20}(?: [^\W\d_]{1,12})?\.?)\s?(?:[\[(]\d{1,4}[\])]|[\^*]?\d{1,3})?\s?[:：]\s{0,9}"
)
_BANNER = re.compile(
    r"\s{0,9}[\[({*]{1,3}\s?(?:external(?: (?:email|sender|mail))?|extern|ext|ulkoinen|ulkopuolinen|externt|externe?|"
    r"caution|"
    r"außerhalb|suspected spam|spam|bulk|newsletter)\s?[\])}*]{1,3}\s?:?\s{0,9}"
    r"|\s{0,9}(?:external|externt|ulkoinen|ext)\s?:\s{0,9}",
    re.IGNORECASE,
)
_LONGEST_RUN = 40  # prefixes looked at; more is an attack or a loop, and the answer is good enough


def base_subject(subject: str) -> tuple[str, bool]:
    """The subject without prefixes and banners, and whether there was a reply or forward prefix."""
    rest, prefixes = _peel(subject)
    return rest, bool(prefixes)


def is_forward_subject(subject: str) -> bool:
    """Whether the outermost prefix is a forward's."""
    prefixes = _peel(subject)[1]
    return bool(prefixes) and prefixes[0] in FORWARD_PREFIXES


def _peel(subject: str) -> tuple[str, list[str]]:
    rest = " ".join(subject.split())
    prefixes: list[str] = []
    for _ in range(_LONGEST_RUN):
        banner = _BANNER.match(rest)
        if banner and banner.end() < len(rest):
            rest = rest[banner.end() :]
            continue
        match = _PREFIX.match(rest)
        word = match.group(1).casefold() if match else ""
        if match is None or not (word in REPLY_PREFIXES or word in FORWARD_PREFIXES):
            break
        prefixes.append(word)
        rest = rest[match.end() :]
    folded = rest.casefold()
    if folded.startswith("[fwd:") and rest.endswith("]"):  # Evolution and old Netscape
        return rest[5:-1].strip(), [*prefixes, "fwd"]
    if folded.endswith("(fwd)"):  # pine
        return rest[:-5].strip(), [*prefixes, "fwd"]
    return rest.strip(), prefixes
