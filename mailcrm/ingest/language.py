# ruff: noqa: SIM905 - a list of words is read more easily as words
"""A guess at the language of a text: fi, sv, en or "" when unsure."""

import re

_WORD = re.compile(r"[^\W\d_]{1,30}")
_LOOKED_AT = 1_500
# Function words that the other two languages do not have.
_WORDS = {
    "fi": frozenset(
        "ja on ei että se tämä olen olemme oli ovat voi voisi voisitteko kun jos mutta myös sekä hei moi terve "
        "kiitos terveisin "
        "ystävällisin meille teidän meidän minun kanssa tarjous tarjouksen onko voitte voimme haluaisimme haluaisin "
        "joka mitä "
        "missä milloin kuinka paljon nyt vielä sitten tai mukaan asti tästä niin olisi ole tarvitsemme yhteystiedot "
        "päivää".split()
    ),
    "sv": frozenset(
        "och att det är som inte jag vi ni på för med till av den har kan om hej tack vänliga hälsningar skulle vill "
        "från också "
        "när vad detta eller er ert oss mig din ett så men offert mvh vår våra era finns några".split()
    ),
    "en": frozenset(
        "the and to of you for that we with this have are not your can would please thanks thank regards hello hi be "
        "it will our "
        "from could about which if as was my is dear best would like need any".split()
    ),
}


def language_of(text: str) -> str:
    """The language whose function words are clearly the most."""
    words = _WORD.findall(text[:_LOOKED_AT].lower())
    counts = sorted(((sum(word in known for word in words), code) for code, known in _WORDS.items()), reverse=True)
    best, second = counts[0], counts[1]
    is_clear = best[0] >= 2 and best[0] >= 2 * second[0] and best[0] * 20 >= len(words)
    return best[1] if is_clear else ""
