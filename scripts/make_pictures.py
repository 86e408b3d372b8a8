"""The pictures of README, made from a running demo: the board, and the notice that an owner gets. `make pictures` runs this."""

import json
import smtplib
import socket
import subprocess
import sys
import tempfile
import threading
from email import message_from_bytes
from email.message import EmailMessage
from email.policy import default
from pathlib import Path

from aiosmtpd.controller import Controller
from aiosmtpd.smtp import SMTP, Envelope, Session
from playwright.sync_api import Browser, sync_playwright

FOLDER = Path(__file__).resolve().parent.parent / "docs" / "pictures"
_WIDTH, _HEIGHT = 1280, 760
_TEXT = """Hello,

thank you for the call this morning. We would like to order twenty of the chairs you showed us, in grey.

Could you deliver them before Christmas, and what would that cost with assembly?

Best regards
Dora Dean
Dean & Daughters"""


class _Catcher:
    """Keeps the first mail."""

    def __init__(self) -> None:
        self.came = threading.Event()
        self.raw = b""

    async def handle_DATA(self, server: SMTP, session: Session, envelope: Envelope) -> str:  # noqa: N802 -- aiosmtpd's name
        if not self.came.is_set():
            self.raw = envelope.original_content or b""
            self.came.set()
        return "250 2.0.0 caught"


def main() -> None:
    FOLDER.mkdir(parents=True, exist_ok=True)
    catcher = _Catcher()
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    relay = Controller(catcher, hostname="127.0.0.1", port=port)
    relay.start()
    try:
        with tempfile.TemporaryDirectory() as folder:
            _with_demo(Path(folder), port, catcher)
    finally:
        relay.stop()


def _with_demo(folder: Path, relay_port: int, catcher: _Catcher) -> None:
    command = [sys.executable, "-m", "mailcrm", "demo", "--data-dir", str(folder), "--json"]
    places = ["--smtp", "127.0.0.1:0", "--web", "127.0.0.1:0", "--relay", f"127.0.0.1:{relay_port}"]
    demo = subprocess.Popen([*command, *places], stdout=subprocess.PIPE, text=True)
    try:
        assert demo.stdout is not None
        info = json.loads(demo.stdout.readline())
        _write_as_customer(info)
        assert catcher.came.wait(30), "no notice left within 30 seconds"
        with sync_playwright() as play:
            browser = play.chromium.launch(executable_path="/usr/bin/chromium", args=["--no-sandbox", "--disable-gpu"])
            _board(browser, f"http://{info['web']}", info["users"][2]["email"])
            _notice(browser, catcher.raw)
            browser.close()
    finally:
        demo.terminate()
        demo.wait(20)


def _write_as_customer(info: dict[str, str]) -> None:
    mail = EmailMessage()
    mail["From"], mail["To"] = "Dora Dean <dora@dean.example>", f"sales@{info['domain']}"
    mail["Subject"], mail["Message-ID"] = "Twenty grey chairs before Christmas", "<chairs@dean.example>"
    mail.set_content(_TEXT)
    host, _, port = info["smtp"].rpartition(":")
    with smtplib.SMTP(host, int(port)) as client:
        client.send_message(mail)


def _board(browser: Browser, web: str, email: str) -> None:
    page = browser.new_page(viewport={"width": _WIDTH, "height": _HEIGHT})
    page.goto(f"{web}/")
    page.fill("input[type=email], input[name=email], input[name=address]", email)
    page.fill("input[type=password]", "demo-password")
    page.press("input[type=password]", "Enter")
    page.wait_for_load_state("networkidle")
    page.goto(f"{web}/?owner=all")
    page.wait_for_load_state("networkidle")
    page.screenshot(path=FOLDER / "board.png")


def _notice(browser: Browser, raw: bytes) -> None:
    part = message_from_bytes(raw, policy=default).get_body(("html",))
    assert part is not None, "the notice has no HTML part"
    page = browser.new_page(viewport={"width": 680, "height": _HEIGHT})
    page.set_content(part.get_content())
    page.screenshot(path=FOLDER / "notice.png")


if __name__ == "__main__":
    main()
