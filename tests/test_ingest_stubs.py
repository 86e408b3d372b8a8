"""Long bodies are taken out before a mail is parsed: nothing is read differently, and a large mail costs little memory."""

import base64
import json
import subprocess
import sys
from pathlib import Path

import pytest

from mailcrm.ingest.stubs import Stubs
from mailcrm.ingest.tree import bytes_of, guarded_tree, leaves_of

HEAD = (
    b"From: Carol <carol@asiakas.example>\r\nTo: myynti@firma.example\r\nSubject: Iso\r\nMessage-ID: <a@asiakas.example>\r\n"
    b"Date: Tue, 05 Mar 2024 10:11:12 +0200\r\nMIME-Version: 1.0\r\n"
)
MIXED = HEAD + b"Content-Type: multipart/mixed; boundary=b\r\n\r\n--b\r\nContent-Type: text/plain\r\n\r\nHei\r\n--b\r\n"
LARGE = 25_000_000
LINE = "Hyvää päivää, tässä on rivi € jossa on sanoja ja 12345.\r\n".encode()
HTML_LINE = b"<p>Hyv&auml;&auml; <b>rivi</b> <a href='http://x.example/y'>linkki</a></p>\r\n"


CODED_LINE = "Päivää, tämä on rivi, jossa on 57 merkkiä ja rivinvaihto.".encode()[:56] + b"\n"


def _coded(size: int) -> bytes:
    """Base64 of as many lines of 57 bytes as there is room for."""
    return (base64.b64encode(CODED_LINE) + b"\r\n") * (size // 78)


def _large(kind: str) -> bytes:
    file = b"Content-Type: application/pdf; name=x.pdf\r\nContent-Transfer-Encoding: base64\r\n\r\n"
    if kind == "file":
        return MIXED + file + _coded(LARGE) + b"--b--\r\n"
    if kind == "text":
        return HEAD + b"Content-Type: text/plain; charset=utf-8\r\n\r\n" + LINE * (LARGE // len(LINE))
    if kind == "coded text":
        return HEAD + b"Content-Type: text/plain\r\nContent-Transfer-Encoding: base64\r\n\r\n" + _coded(LARGE)
    if kind == "html":
        return HEAD + b"Content-Type: text/html\r\n\r\n" + HTML_LINE * (LARGE // len(HTML_LINE))
    if kind == "thousand files":
        return MIXED + b"--b\r\n".join([file + _coded(24_000)] * 999) + b"--b--\r\n"
    inner = MIXED.replace(b"=b", b"=c").replace(b"--b", b"--c") + file + _coded(20_000_000) + b"--c--\r\n"
    return MIXED + b"Content-Type: message/rfc822\r\n\r\n" + inner + b"--b--\r\n"


_MEASURE = """
import json, resource, sys, time
from mailcrm.cli.explain import explained
explained(b"Content-Type: text/html\\r\\n\\r\\n<p>Hei</p>")
before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
started = time.process_time()
answer = explained(open(sys.argv[1], "rb").read())
seconds = time.process_time() - started
print(json.dumps({"mb": (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) / 1024, "seconds": seconds,
                  "text": answer["segments"][0]["text"][:4], "sizes": [one["size"] for one in answer["attachments"]],
                  "defects": answer["defects"]}))
"""


@pytest.mark.parametrize(
    ("kind", "text", "sizes"),
    [
        ("file", "Hei", [LARGE // 78 * 57]),
        ("text", "Hyvä", [LARGE // len(LINE) * len(LINE)]),
        ("coded text", "Päiv", [LARGE // 78 * 57]),
        ("html", "Hyvä", [LARGE // len(HTML_LINE) * len(HTML_LINE)]),
        ("thousand files", "Hei", [24_000 // 78 * 57] * 999),
        ("attached mail", "Hei", None),
    ],
)
def test_a_large_mail_costs_little_memory_and_time(
    tmp_path: Path, kind: str, text: str, sizes: list[int] | None
) -> None:
    path = tmp_path / "large.eml"
    path.write_bytes(_large(kind))
    out = subprocess.run([sys.executable, "-c", _MEASURE, str(path)], capture_output=True, check=True)
    seen = json.loads(out.stdout)
    assert seen["text"].strip() == text
    assert sizes is None or seen["sizes"] == sizes
    assert seen["mb"] < 100
    assert seen["seconds"] < 2


_MEASURE_APART = """
import json, sys
from datetime import datetime, UTC
from pathlib import Path
from mailcrm.mail import Door, Envelope
from mailcrm.reader import reader

def peak(process):
    lines = Path(f"/proc/{process}/status").read_text().splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith("VmHWM:")) / 1024

def ticks(process):
    return sum(map(int, Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()[11:13]))

if __name__ == "__main__":
    envelope = Envelope("a@b.example", ("myynti@firma.example",), datetime.now(UTC), Door.SMTP)
    reading = reader(1, folder=Path(sys.argv[1]).parent)
    reading.start([(b"Content-Type: text/html\\r\\n\\r\\n<p>Hei</p>", envelope)]).answers()
    both = ("self", next(iter(reading._pool._processes)))
    raw = Path(sys.argv[1]).read_bytes()
    before = [(peak(one), ticks(one)) for one in both]
    (mail, verdict), = reading.start([(raw, envelope)]).answers()
    after = [(peak(one), ticks(one)) for one in both]
    reading.close()
    print(json.dumps({"text": mail.new_text[:4], "sizes": [len(one.content) for one in mail.attachments],
                      "mb": [now[0] - then[0] for now, then in zip(after, before)],
                      "seconds": sum(now[1] - then[1] for now, then in zip(after, before)) / 100}))
"""


@pytest.mark.parametrize("kind", ["file", "text", "coded text", "html", "attached mail"])
def test_a_large_mail_costs_the_daemon_and_its_reading_process_little(tmp_path: Path, kind: str) -> None:
    """The mail itself counts in the process that reads it; the daemon has it already, and gets back what it held."""
    path, script = tmp_path / "large.eml", tmp_path / "measure.py"
    path.write_bytes(_large(kind))
    script.write_text(_MEASURE_APART)
    out = subprocess.run([sys.executable, str(script), str(path)], capture_output=True, check=True)
    seen = json.loads(out.stdout)
    daemon, reading = seen["mb"]
    assert seen["text"].strip() == "Hei" if kind in ("file", "attached mail") else seen["text"] in ("Hyvä", "Päiv")
    assert daemon < 45
    assert reading < 85
    assert seen["seconds"] < 2
    assert sorted(tmp_path.iterdir()) == [path, script]


INNER = HEAD + b"Content-Type: text/plain\r\n\r\n" + b"rivi\r\n" * 500
SHAPES = {
    "one line": HEAD + b"\r\n" + b"x" * 5_000,
    "one line in latin-1": HEAD + b"Content-Type: text/plain; charset=iso-8859-1\r\n\r\n" + b"\xe4" * 5_000,
    "nothing before the first part": HEAD + b"Content-Type: multipart/mixed; boundary=b\r\n\r\n--b\r\n\r\n" + b"a\r\n" * 3_000,
    "bare line ends": (MIXED + b"\r\n" + b"a\r\n" * 3_000 + b"--b--\r\n").replace(b"\r\n", b"\n"),
    "carriage returns": (MIXED + b"\r\n" + b"a\r\n" * 3_000 + b"--b--\r\n").replace(b"\r\n", b"\r"),
    "binary": MIXED
    + b"Content-Type: application/octet-stream\r\nContent-Transfer-Encoding: binary\r\n\r\n"
    + b"\xff\x00\r\n-" * 900 + b"\r\n--b--",
    "quoted-printable": HEAD + b"Content-Transfer-Encoding: quoted-printable\r\n\r\n" + b"p=C3=A4iv=\r\n=C3=A4\r\n" * 900,
    "base64 without line ends": MIXED + b"Content-Transfer-Encoding: base64\r\n\r\n" + b"aGVpIQ" * 900 + b"==\r\n--b--",
    "base64 with noise": MIXED
    + b"Content-Transfer-Encoding: base64\r\n\r\n"
    + (b"aGVp" * 15 + b"\r\n") * 90 + b"!!\r\n" + b"aGVp\r\n--b--",
    "attached mail": MIXED + b"Content-Type: message/rfc822\r\n\r\n" + INNER + b"--b--\r\n",
    "attached mail in a digest": MIXED.replace(b"mixed", b"digest") + b"\r\n" + INNER + b"--b--\r\n",
    "attached mail in base64": MIXED
    + b"Content-Type: message/rfc822\r\nContent-Transfer-Encoding: base64\r\n\r\n"
    + base64.encodebytes(INNER)
    + b"--b--\r\n",
    "lines that look like boundaries": MIXED + b"\r\n" + b"-- \r\nx\r\n--bb\r\n" * 900 + b"--b--\r\n",
}  # fmt: skip


@pytest.mark.parametrize("name", SHAPES)
@pytest.mark.parametrize("kept", [1, 7, 300])
def test_what_was_taken_out_is_put_back(name: str, kept: int) -> None:
    raw = SHAPES[name]
    whole = leaves_of(guarded_tree(raw, [])[0], [])
    message, _ = guarded_tree(raw, [], Stubs(raw, small=0, kept=kept, least=1))
    short = leaves_of(message, [])
    assert [(leaf.content_type, leaf.data) for leaf in short] == [(leaf.content_type, leaf.data) for leaf in whole]
    assert b"stub-" not in bytes_of(message)


def test_nobody_can_write_a_mark() -> None:
    raw = HEAD + b"\r\n" + b"x" * 5_000
    first, second = Stubs(raw, small=0), Stubs(raw, small=0, kept=9)
    assert second.short != Stubs(raw, small=0, kept=9).short
    assert first.whole(second.short) == second.short
