"""A name server on loopback, over UDP and TCP: answers from what a test put in, and can be slow, broken or silent.

``Signer`` makes the keys of a domain and signs mail with them; its records go into the zone.
"""

import base64
import socketserver
import struct
import subprocess
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import cache
from typing import Any

import dkim
import dns.flags
import dns.message
import dns.rcode
import dns.rdatatype
import dns.rrset
import nacl.signing

from tests.servers import program

_TTL = 300


@dataclass
class Zone:
    """What the server knows. ``silent`` and ``broken`` are names it does not answer, or answers with SERVFAIL."""

    records: dict[tuple[str, str], list[str]] = field(default_factory=dict)
    silent: set[str] = field(default_factory=set)
    broken: set[str] = field(default_factory=set)
    asked: list[tuple[str, str]] = field(default_factory=list)
    ttl: int = _TTL

    def txt(self, name: str, *texts: str) -> None:
        """Each text is one record, in strings of at most 255 bytes."""
        pieces = [" ".join(f'"{text[at : at + 255]}"' for at in range(0, len(text), 255)) for text in texts]
        self.records[name.lower(), "TXT"] = pieces

    def add(self, name: str, kind: str, *values: str) -> None:
        self.records[name.lower(), kind] = list(values)

    def count(self, name: str) -> int:
        return sum(asked == name.lower() for asked, _ in self.asked)

    def answer(self, wire: bytes) -> bytes | None:
        query = dns.message.from_wire(wire)
        question = query.question[0]
        name, kind = question.name.to_text(True).lower(), dns.rdatatype.to_text(question.rdtype)
        self.asked.append((name, kind))
        if "*" in self.silent or name in self.silent:
            return None
        reply = dns.message.make_response(query)
        reply.flags |= dns.flags.RA
        if name in self.broken:
            reply.set_rcode(dns.rcode.SERVFAIL)
        elif values := self.records.get((name, kind)):
            reply.answer.append(dns.rrset.from_text(question.name, self.ttl, "IN", kind, *values))
        elif not any(known == name for known, _ in self.records):
            reply.set_rcode(dns.rcode.NXDOMAIN)
        return bytes(reply.to_wire(max_size=65_535))


class _Udp(socketserver.BaseRequestHandler):
    def handle(self) -> None:
        data, sock = self.request
        answer = self.server.zone.answer(data)  # type: ignore[attr-defined]
        if answer is None:
            return
        if len(answer) > 1232:  # as a server does whose answer does not fit: the client comes again by TCP
            cut = dns.message.make_response(dns.message.from_wire(data))
            cut.flags |= dns.flags.TC
            answer = cut.to_wire()
        sock.sendto(answer, self.client_address)


class _Tcp(socketserver.StreamRequestHandler):
    def handle(self) -> None:
        head = self.rfile.read(2)
        if len(head) == 2:
            answer = self.server.zone.answer(self.rfile.read(struct.unpack("!H", head)[0]))  # type: ignore[attr-defined]
            if answer is not None:
                self.wfile.write(struct.pack("!H", len(answer)) + answer)


class _UdpServer(socketserver.ThreadingUDPServer):
    daemon_threads = True
    zone: Zone


class _TcpServer(socketserver.ThreadingTCPServer):
    daemon_threads = True
    allow_reuse_address = True
    zone: Zone


def _pair(zone: Zone) -> tuple[_UdpServer, _TcpServer]:
    """Both on one port, which the system has free for UDP and may have given away for TCP."""
    for _ in range(50):
        udp = _UdpServer(("127.0.0.1", 0), _Udp)
        try:
            tcp = _TcpServer(("127.0.0.1", int(udp.server_address[1])), _Tcp)
            udp.zone = tcp.zone = zone
            return udp, tcp
        except OSError:
            udp.server_close()
    raise OSError("no port is free for both UDP and TCP")


@contextmanager
def running_dns() -> Iterator[tuple[Zone, str]]:
    """The zone, to be filled, and the server's address with its port."""
    zone = Zone()
    servers = _pair(zone)
    threads = [threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True) for server in servers]
    for thread in threads:
        thread.start()
    try:
        yield zone, f"127.0.0.1:{servers[0].server_address[1]}"
    finally:
        for server, thread in zip(servers, threads, strict=True):
            server.shutdown()
            thread.join()
            server.server_close()


# --- keys ---------------------------------------------------------------------------------------------------------------

SIGNED = ("from", "to", "cc", "subject", "date", "message-id", "reply-to", "in-reply-to", "references")


@cache
def _rsa(bits: int) -> tuple[bytes, str]:
    """A secret key as PEM, and the public one as DNS has it."""
    openssl = program("openssl", package="openssl")
    secret = subprocess.run([openssl, "genrsa", "-traditional", str(bits)], capture_output=True, check=True).stdout
    der = [openssl, "rsa", "-pubout", "-outform", "DER"]
    public = subprocess.run(der, input=secret, capture_output=True, check=True).stdout
    return secret, base64.b64encode(public).decode()


@dataclass(frozen=True)
class Signer:
    """Signs for a domain. ``algorithm`` is rsa-sha256, rsa-sha1 or ed25519-sha256."""

    domain: str
    selector: str = "s1"
    algorithm: str = "rsa-sha256"
    bits: int = 1024
    seed: bytes = bytes(32)

    def publish(self, zone: Zone, **tags: str) -> None:
        """Put the key's record into the zone; further tags as given."""
        made = {"v": "DKIM1", "k": self.algorithm.partition("-")[0], "p": self._public(), **tags}
        zone.txt(f"{self.selector}._domainkey.{self.domain}", "; ".join(f"{k}={v}" for k, v in made.items()))

    def _public(self) -> str:
        if self.algorithm.startswith("rsa"):
            return _rsa(self.bits)[1]
        return base64.b64encode(bytes(nacl.signing.SigningKey(self.seed).verify_key)).decode()

    def _secret(self) -> bytes:
        return _rsa(self.bits)[0] if self.algorithm.startswith("rsa") else base64.b64encode(self.seed)

    def sign(self, raw: bytes, signed: Sequence[str] = SIGNED, **more: Any) -> bytes:
        """The mail with its signature on top; ``signed`` fields cover what is there and that nothing is added."""
        lines = raw.replace(b"\r\n", b"\n").replace(b"\n", b"\r\n")
        field_ = dkim.sign(
            lines,
            self.selector.encode(),
            self.domain.encode(),
            self._secret(),
            signature_algorithm=self.algorithm.encode(),
            canonicalize=(b"relaxed", b"relaxed"),
            include_headers=[name.encode() for name in signed],
            **more,
        )
        return bytes(field_) + lines
