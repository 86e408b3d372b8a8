"""What our own reading of a mail costs on top of mail-parser's: ``python -m bench.reading``.

Mails of 2 to 30 KB as clients write them, in English and Finnish (text and HTML, text alone, HTML alone; a third of them replies)
are given in turns to mail-parser and to ``understand``, many times; of each mail the fastest turn counts, since other work on the
machine only adds.
"""

import argparse
import logging
import time
from collections.abc import Callable, Iterator, Sequence
from datetime import UTC, datetime

import mailparser

from bench.mails import bench_mail
from mailcrm.ingest.understand import understand
from mailcrm.mail import Door, Envelope

_EDGE = b"--edge-of-parts"
_SIZES = (2_000, 5_000, 10_000, 20_000, 30_000)
_ENVELOPE = Envelope("a@b.example", ("sales@crm.firma.example",), datetime.now(UTC), Door.SMTP, "127.0.0.1")
_KINDS = ("text and HTML", "text", "HTML")
_FINNISH = {
    "We are planning to renew the storage of our main hall": "Suunnittelemme päähallimme varaston uusimista tämän vuoden keväänä",
    "Could you send us prices and delivery times": "Voisitteko lähettää meille hinnat ja toimitusajat",
    "The floor carries two tonnes for each square metre": "Lattia kantaa kaksi tonnia neliömetriä kohti",
    "Our purchasing meets on the last Thursday of the month": "Hankintamme kokoontuu kuukauden viimeisenä torstaina",
    "Delivery should go to the gate behind the old warehouse": "Toimitus vanhan varaston takana olevalle portille",
    "Please tell us as well what service costs": "Kertokaa myös, mitä huolto maksaa",
    "Best regards": "Ystävällisin terveisin",
    "On Mon, 23 Nov 2026 at 09:00, Sales": "ma 23. marraskuuta 2026 klo 9.00 Sales",
    "wrote:": "kirjoitti:",
}


def typical_mails(count: int) -> list[bytes]:
    """Mails of all sizes, forms and both languages, a third of them replies."""
    return [_mail(number) for number in range(count)]


def _mail(number: int) -> bytes:
    original = bench_mail(100 + 10 * number + (9 if number % 3 == 0 else 0), _SIZES[number % len(_SIZES)]).raw
    if number // 2 % 2:
        for english, finnish in _FINNISH.items():
            original = original.replace(english.encode(), finnish.encode())
    form = number % 4
    if form < 2:
        return original
    return _alone(original, form - 2)


def _kind_of(number: int) -> str:
    return _KINDS[max(0, number % 4 - 1)]


def _alone(original: bytes, place: int) -> bytes:
    """The mail with one of its two parts only."""
    head, _, rest = original.partition(b"Content-Type: multipart/alternative")
    part = rest.split(_EDGE)[place + 1].lstrip(b"\r\n")
    return head + part


def milliseconds(mails: Sequence[bytes], turns: int) -> list[tuple[float, float]]:
    """CPU time of mail-parser alone and of the whole reading for each mail, each from its fastest turn."""
    best = [[float("inf"), float("inf")] for _ in mails]
    readers: tuple[Callable[[bytes], object], ...] = (
        mailparser.parse_from_bytes,
        lambda raw: understand(raw, _ENVELOPE),
    )
    for _ in range(turns):
        for raw, found in zip(mails, best, strict=True):
            for place, reader in enumerate(readers):
                found[place] = min(found[place], _turn(raw, reader))
    return [(alone * 1e3, whole * 1e3) for alone, whole in best]


def _turn(raw: bytes, reader: Callable[[bytes], object]) -> float:
    begun = time.process_time()
    reader(raw)
    return time.process_time() - begun


def rows(count: int = 60, turns: int = 20) -> Iterator[str]:
    """The table, line by line."""
    mails = typical_mails(count)
    for raw in mails:
        understand(raw, _ENVELOPE)
    found = milliseconds(mails, turns)
    size = sum(map(len, mails)) / len(mails) / 1e3
    yield f"{'reading a mail of ' + format(size, '.1f') + ' KB, CPU ms':<54}{'value':>12}"
    for kind in _KINDS:
        of_kind = [times for number, times in enumerate(found) if _kind_of(number) == kind]
        alone, whole = _means(of_kind)
        yield f"{'  ' + kind + ': mail-parser alone / on top':<54}{f'{alone:.2f} / {whole - alone:.2f}':>12}"
    alone, whole = _means(found)
    yield f"{'  all: mail-parser alone':<54}{alone:>12.2f}"
    yield f"{'  all: understood (parse, HTML, body, classify)':<54}{whole:>12.2f}"
    yield f"{'  all: on top of mail-parser':<54}{whole - alone:>12.2f}"
    yield f"{'  on top, mails a second and core':<54}{1e3 / (whole - alone):>12.0f}"


def _means(times: Sequence[tuple[float, float]]) -> tuple[float, float]:
    return sum(alone for alone, _ in times) / len(times), sum(whole for _, whole in times) / len(times)


def main() -> None:
    argparse.ArgumentParser(prog="python -m bench.reading", description=__doc__.partition("\n")[0]).parse_args()
    logging.disable(logging.WARNING)
    print("\n".join(rows()))


if __name__ == "__main__":
    main()
