"""What our own reading of a mail costs on top of mail-parser's: ``python -m bench.reading``.

Mails of 2 to 30 KB as clients write them (text and HTML, text alone, HTML alone; a third of them replies) are given in turns
to mail-parser and to ``understand``, many times; the fastest turn of each counts, since other work on the machine only adds.
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


def typical_mails(count: int) -> list[bytes]:
    """Mails of all sizes and forms, a third of them replies."""
    return [_mail(number) for number in range(count)]


def _mail(number: int) -> bytes:
    original = bench_mail(100 + 10 * number + (9 if number % 3 == 0 else 0), _SIZES[number % len(_SIZES)]).raw
    form = number % 4
    if form < 2:
        return original
    return _alone(original, form - 2)


def _alone(original: bytes, place: int) -> bytes:
    """The mail with one of its two parts only."""
    head, _, rest = original.partition(b"Content-Type: multipart/alternative")
    part = rest.split(_EDGE)[place + 1].lstrip(b"\r\n")
    return head + part


def milliseconds(mails: Sequence[bytes], turns: int) -> tuple[float, float]:
    """CPU time a mail of mail-parser alone and of the whole reading, each from its fastest turn."""
    readers: tuple[Callable[[bytes], object], ...] = (
        mailparser.parse_from_bytes,
        lambda raw: understand(raw, _ENVELOPE),
    )
    best = [float("inf"), float("inf")]
    for _ in range(turns):
        for place, reader in enumerate(readers):
            best[place] = min(best[place], _turn(mails, reader))
    return best[0] * 1e3, best[1] * 1e3


def _turn(mails: Sequence[bytes], reader: Callable[[bytes], object]) -> float:
    begun = time.process_time()
    for raw in mails:
        reader(raw)
    return (time.process_time() - begun) / len(mails)


def rows(count: int = 60, turns: int = 20) -> Iterator[str]:
    """The table, line by line."""
    mails = typical_mails(count)
    for raw in mails:
        understand(raw, _ENVELOPE)
    alone, whole = milliseconds(mails, turns)
    size = sum(map(len, mails)) / len(mails) / 1e3
    yield f"{'reading a mail of ' + format(size, '.1f') + ' KB, CPU ms':<54}{'value':>12}"
    yield f"{'  mail-parser alone':<54}{alone:>12.2f}"
    yield f"{'  understood (parse, HTML, body, classify)':<54}{whole:>12.2f}"
    yield f"{'  on top of mail-parser':<54}{whole - alone:>12.2f}"
    yield f"{'  on top, mails a second and core':<54}{1e3 / (whole - alone):>12.0f}"


def main() -> None:
    argparse.ArgumentParser(prog="python -m bench.reading", description=__doc__.partition("\n")[0]).parse_args()
    logging.disable(logging.WARNING)
    print("\n".join(rows()))


if __name__ == "__main__":
    main()
