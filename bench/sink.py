"""A peer that takes every mail and notes when it came: the end of the journey. As little Python as that needs."""

import asyncio
import threading
import time
from multiprocessing.connection import Connection
from typing import Any

from bench.mails import number_in
from bench.processes import questions

_END = b"\r\n.\r\n"


class _Arrivals:
    def __init__(self) -> None:
        self._times: dict[int, float] = {}
        self._changed = threading.Condition()

    def note(self, raw: bytes) -> None:
        number = number_in(raw)
        if number is not None:
            with self._changed:
                self._times.setdefault(number, time.monotonic())
                self._changed.notify_all()

    def wait_for(self, count: int, seconds: float) -> dict[int, float]:
        """When the notice of each mail came, once there are ``count``, or after that time what there is."""
        with self._changed:
            self._changed.wait_for(lambda: len(self._times) >= count, seconds)
            return dict(self._times)


class _Conversation(asyncio.Protocol):
    def __init__(self, arrivals: _Arrivals) -> None:
        self._arrivals = arrivals
        self._unread = bytearray()
        self._is_data = False

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport
        self._transport.write(b"220 sink\r\n")

    def data_received(self, data: bytes) -> None:
        self._unread += data
        while self._step():
            pass

    def _step(self) -> bool:
        end = self._unread.find(_END if self._is_data else b"\r\n")
        if end < 0:
            return False
        taken = bytes(self._unread[:end])
        del self._unread[: end + (len(_END) if self._is_data else 2)]
        if self._is_data:
            self._is_data = False
            self._arrivals.note(taken)
            self._transport.write(b"250 2.0.0 taken\r\n")
        else:
            self._answer(taken[:4].upper())
        return True

    def _answer(self, verb: bytes) -> None:
        self._is_data = verb == b"DATA"
        replies = {b"DATA": b"354 go on\r\n", b"EHLO": b"250-sink\r\n250 8BITMIME\r\n", b"QUIT": b"221 bye\r\n"}
        self._transport.write(replies.get(verb, b"250 2.0.0 fine\r\n"))


def sink_main(line: "Connection[Any, Any]") -> None:
    """Says its port, then answers each (count, seconds) with when the notices came."""
    asyncio.run(_serve(line))


async def _serve(line: "Connection[Any, Any]") -> None:
    arrivals = _Arrivals()
    server = await asyncio.get_running_loop().create_server(lambda: _Conversation(arrivals), "127.0.0.1", 0)
    line.send(server.sockets[0].getsockname()[1])
    await asyncio.to_thread(_answer_all, line, arrivals)
    server.close()


def _answer_all(line: "Connection[Any, Any]", arrivals: _Arrivals) -> None:
    for count, seconds in questions(line):
        line.send(arrivals.wait_for(count, seconds))
