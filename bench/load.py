"""The load generator: connections kept open as a relay in front keeps them, commands pipelined, as fast as told."""

import asyncio
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from multiprocessing.connection import Connection
from typing import Any

from bench.mails import SentMail, bench_mail
from bench.processes import questions

_CONNECTIONS = 10


@dataclass(frozen=True, slots=True)
class Taken:
    """When a mail began to be sent, and when its 250 was read."""

    number: int
    begun_at: float
    accepted_at: float


def load_main(line: "Connection[Any, Any]") -> None:
    """Sends, for each (port, first, count, rate), those mails; answers with what was taken. Rate 0: as fast as it goes."""
    for port, first, count, rate in questions(line):
        mails = [(number, bench_mail(number)) for number in range(first, first + count)]
        line.send(asyncio.run(_send_all(port, mails, rate)))


async def _send_all(port: int, mails: Sequence[tuple[int, SentMail]], rate: float) -> list[Taken]:
    begun_at = time.monotonic()
    turns = iter(enumerate(mails))
    taken: list[Taken] = []
    connections = min(_CONNECTIONS, len(mails))
    await asyncio.gather(*(_connection(port, turns, begun_at, rate, taken) for _ in range(connections)))
    return taken


async def _connection(
    port: int, turns: Iterator[tuple[int, tuple[int, SentMail]]], begun_at: float, rate: float, taken: list[Taken]
) -> None:
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    await _expect(reader, b"220")
    writer.write(b"EHLO load.example\r\n")
    await _expect(reader, b"250")
    for turn, (number, mail) in turns:
        if rate:
            await asyncio.sleep(max(0.0, begun_at + turn / rate - time.monotonic()))
        at = time.monotonic()
        await _send(reader, writer, mail)
        taken.append(Taken(number, at, time.monotonic()))
    writer.close()
    await writer.wait_closed()


async def _send(reader: asyncio.StreamReader, writer: asyncio.StreamWriter, mail: SentMail) -> None:
    writer.write(f"MAIL FROM:<{mail.mail_from}>\r\nRCPT TO:<{mail.rcpt_to}>\r\nDATA\r\n".encode())
    for code in (b"250", b"250", b"354"):
        await _expect(reader, code)
    writer.write(mail.raw + b"\r\n.\r\n")
    await _expect(reader, b"250")


async def _expect(reader: asyncio.StreamReader, code: bytes) -> None:
    while (line := await reader.readline())[3:4] == b"-":
        pass
    if not line.startswith(code):
        raise ConnectionError(f"wanted {code.decode()}, the listener said: {line.decode(errors='replace').strip()}")
