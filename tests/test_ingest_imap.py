"""The IMAP door against a real Dovecot."""

import json
import os
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from imapclient import IMAPClient

from mailcrm.ingest.imap import ImapDoor
from mailcrm.ingest.imap_cursor import Cursor, Failed, cursor_path, load_cursor, save_cursor
from mailcrm.ingest.imap_mailbox import ImapMailbox, ImapSettings
from mailcrm.ingest.spool import Spool, SpoolEntry
from mailcrm.mail import Door, Permanent, Temporary
from tests.servers import Dovecot, DovecotAccount, wait_until


def now() -> datetime:
    return datetime.now(UTC)


def mail(subject: str, size: int = 0) -> bytes:
    head = f"Return-Path: <carol@firma.test>\r\nDelivered-To: sales@crm.test\r\nSubject: {subject}\r\n\r\n".encode()
    return head + b"x" * 70 + b"\r\n" + (b"y" * 98 + b"\r\n") * (size // 100)


class Box:
    """An account, the spool its mail goes to, and a door that can be started and stopped."""

    def __init__(self, dovecot: Dovecot, root: Path, spool: Spool) -> None:
        self.dovecot = dovecot
        self.account: DovecotAccount = dovecot.new_account()
        self.spool = spool
        self.cursor_dir = root / "imap"
        self.settings = ImapSettings(
            name="sales box",
            host=self.account.host,
            port=self.account.port,
            user=self.account.user,
            password=self.account.password,
            security="none",
            reconnect_after=0.02,
            reconnect_after_at_most=0.2,
        )

    @property
    def path(self) -> Path:
        return cursor_path(self.cursor_dir, self.settings.name, self.settings.folder)

    def cursor(self) -> Cursor:
        cursor = load_cursor(self.path)
        assert cursor
        return cursor

    def append(self, *mails: bytes, at: datetime | None = None) -> None:
        self.dovecot.append(self.account, *mails, at=at)

    def door(self, **changes: Any) -> ImapDoor:
        self.settings = replace(self.settings, **changes)
        return ImapDoor(self.settings, self.spool, self.cursor_dir, threading.Event(), now)

    @contextmanager
    def watched(self, **changes: Any) -> Iterator[ImapDoor]:
        """A door at work in its thread; it has looked into the folder at least once."""
        door = self.door(**changes)
        thread = threading.Thread(target=door.run)
        thread.start()
        try:
            wait_until(lambda: door.state.last_look_at is not None, timeout=15, what="the first look")
            yield door
        finally:
            door.stop()
            thread.join(10)
            assert not thread.is_alive(), "the door did not stop"

    def look_once(self, **changes: Any) -> None:
        with self.watched(**changes):
            pass

    def wait_for(self, count: int) -> list[SpoolEntry]:
        wait_until(lambda: self.spool.waiting_count() >= count, timeout=15, what=f"{count} mails in the spool")
        return self.spool.claim(1000)

    def subjects(self) -> list[str]:
        return [subject(entry) for entry in self.spool.claim(1000)]


def subject(entry: SpoolEntry) -> str:
    return entry.read().split(b"Subject: ")[1].split(b"\r\n")[0].decode()


@pytest.fixture
def box(dovecot: Dovecot, tmp_path: Path) -> Iterator[Box]:
    spool = Spool(tmp_path / "spool", "test", now)
    yield Box(dovecot, tmp_path, spool)
    spool.close()


# --- what is taken ----------------------------------------------------------------------------------------------------------


def test_the_first_connection_to_a_mailbox_with_a_thousand_old_mails_takes_none(box: Box) -> None:
    box.append(*(mail(f"old {number}") for number in range(1_000)))
    with box.watched():
        box.append(mail("new"))
        assert [subject(entry) for entry in box.wait_for(1)] == ["new"]
    box.look_once()
    assert box.subjects() == []


def test_new_mail_comes_while_the_door_waits_in_idle(box: Box) -> None:
    with box.watched(idle_seconds=600) as door:
        before = door.state.last_look_at
        box.append(mail("first"))
        [entry] = box.wait_for(1)
        box.append(mail("second"))
        [_] = box.wait_for(1)
        assert before
    assert entry.read() == mail("first")
    assert (entry.envelope.mail_from, entry.envelope.rcpt_to) == ("carol@firma.test", ("sales@crm.test",))
    assert (entry.envelope.door, entry.envelope.peer, entry.envelope.source) == (Door.IMAP, "sales box", "headers")
    assert abs(entry.envelope.received_at - now()) < timedelta(minutes=5)


def test_without_idle_the_folder_is_polled(box: Box, monkeypatch: pytest.MonkeyPatch) -> None:
    capabilities = IMAPClient.capabilities
    monkeypatch.setattr(IMAPClient, "capabilities", lambda self: set(capabilities(self)) - {b"IDLE"})
    with box.watched(poll_seconds=0.05):
        box.append(mail("polled"))
        assert [subject(entry) for entry in box.wait_for(1)] == ["polled"]


def test_what_came_while_nobody_looked_is_taken_at_the_next_start_and_once(box: Box) -> None:
    box.look_once()
    box.append(*(mail(f"{number}") for number in range(120)))
    box.look_once()
    assert box.subjects() == [f"{number}" for number in range(120)]
    box.look_once()
    assert box.subjects() == []


def test_flags_are_left_alone(box: Box) -> None:
    with box.watched():
        box.append(mail("unread"))
        box.wait_for(1)
    with box.dovecot.session(box.account) as client:
        client.select_folder("INBOX")
        assert b"\\Seen" not in client.get_flags([1])[1]


def test_a_large_mail_comes_whole_and_in_order_with_the_others(box: Box) -> None:
    box.look_once()
    mails = [mail("small"), mail("large", 5_000_000), mail("exact", 1_048_576), mail("last")]
    box.append(*mails)
    box.look_once()
    assert [entry.read() for entry in box.spool.claim(10)] == mails


# --- UIDVALIDITY ------------------------------------------------------------------------------------------------------------


def test_after_a_renumbering_only_the_last_week_comes_again(box: Box) -> None:
    box.look_once()
    backdate_start(box, timedelta(days=100))
    box.append(mail("long ago"), at=now() - timedelta(days=30))
    box.append(mail("last week"), at=now() - timedelta(days=3))
    box.append(mail("today"))
    box.look_once()
    assert box.subjects() == ["long ago", "last week", "today"]
    box.dovecot.renumber(box.account)
    box.append(mail("tomorrow"))
    box.look_once()
    assert sorted(box.subjects()) == ["last week", "today", "tomorrow"]
    box.append(mail("moved in later"), at=now() - timedelta(days=300))
    box.look_once()
    assert box.subjects() == ["moved in later"]


def test_after_a_renumbering_mail_from_before_the_first_connection_stays_out(box: Box) -> None:
    box.append(mail("yesterday"), at=now() - timedelta(days=1))
    box.look_once()
    box.dovecot.renumber(box.account)
    box.look_once()
    assert box.subjects() == []


def test_a_renumbering_while_the_door_waits_is_noticed(box: Box) -> None:
    with box.watched(reconnect_after=2.0, reconnect_after_at_most=2.0) as door:  # renumbered before it is back
        box.append(mail("one"))
        box.wait_for(1)
        before = box.cursor().uidvalidity
        box.dovecot.renumber(box.account)
        wait_until(lambda: box.cursor().uidvalidity != before and door.state.is_connected, timeout=15)
        box.append(mail("two"))
        wait_until(lambda: box.spool.waiting_count() >= 2, timeout=15)
    assert set(box.subjects()) == {"one", "two"}


# --- trouble ----------------------------------------------------------------------------------------------------------------


def test_a_server_that_restarts_is_found_again(box: Box) -> None:
    with box.watched() as door:
        box.dovecot.stop()
        wait_until(lambda: not door.state.is_connected and door.state.error != "", timeout=15)
        box.dovecot.start()
        box.append(mail("after"))
        assert [subject(entry) for entry in box.wait_for(1)] == ["after"]
        wait_until(lambda: door.state.error == "", timeout=15)


def test_a_connection_killed_while_waiting_is_made_anew_without_a_busy_loop(box: Box) -> None:
    with box.watched():
        box.append(mail("before"))
        box.wait_for(1)
        box.dovecot.kill_connections()
        cpu = time.process_time()
        box.append(mail("after"))
        assert [subject(entry) for entry in box.wait_for(1)] == ["after"]
        threading.Event().wait(1.5)
        assert time.process_time() - cpu < 0.7


def test_a_server_that_is_away_is_asked_ever_more_seldom(box: Box) -> None:
    door = box.door(reconnect_after=1.0, reconnect_after_at_most=300.0)
    pauses = [door._pause(Temporary("away")) for _ in range(15)]
    assert all(0.5 * 2**n <= pause <= 2**n for n, pause in enumerate(pauses[:8]))
    assert 150 <= pauses[-1] <= 300
    assert door._pause(Permanent("LOGIN", "wrong password")) == 300


def test_stop_ends_a_door_that_waits_in_idle_at_once(box: Box) -> None:
    with box.watched(idle_seconds=600) as door:
        started = time.monotonic()
        door.stop()
    assert time.monotonic() - started < 3


def test_a_server_that_no_longer_answers_is_left_after_a_time(box: Box) -> None:
    with ImapMailbox(replace(box.settings, command_timeout=0.3, read_timeout=30)) as mailbox:
        started = time.monotonic()
        with stopped(box.dovecot), pytest.raises(Temporary):
            mailbox.uids_after(0)
        assert time.monotonic() - started < 10


@contextmanager
def stopped(dovecot: Dovecot) -> Iterator[None]:
    """The sessions hang: their processes exist and say nothing."""
    pids = dovecot._session_pids()
    for pid in pids:
        os.kill(pid, 19)
    try:
        yield
    finally:
        for pid in pids:
            os.kill(pid, 18)


def test_a_mail_that_cannot_be_fetched_is_listed_and_blocks_nothing(box: Box) -> None:
    box.look_once()
    box.append(*(mail(f"{number}") for number in range(5)))
    with unreadable(box, "2"):
        box.look_once()
        assert box.subjects() == ["0", "1", "3", "4"]
        cursor = box.cursor()
        assert (cursor.uid, list(cursor.failed)) == (5, [3])
        assert cursor.failed[3].reason
    make_due(box)
    box.look_once()
    assert box.subjects() == ["2"]
    assert box.cursor().failed == {}


def test_a_listed_mail_is_tried_a_few_times_and_stays_listed(box: Box) -> None:
    box.look_once()
    box.append(mail("bad"))
    with unreadable(box, "bad"):
        for _ in range(10):
            box.look_once()
            make_due(box)
        assert box.cursor().failed[1].tries == 5
    box.append(mail("good"))
    box.look_once()
    assert box.subjects() == ["good"]


def test_a_mail_over_the_size_limit_is_listed(box: Box) -> None:
    box.look_once()
    box.append(mail("large", 2_000_000), mail("small"))
    box.look_once(size_limit=1_500_000)
    assert box.subjects() == ["small"]
    assert "larger" in box.cursor().failed[1].reason


def test_a_mail_that_takes_the_connection_down_each_time_is_listed(box: Box, monkeypatch: pytest.MonkeyPatch) -> None:
    box.look_once()
    box.append(*(mail(f"{number}") for number in range(4)))
    fetch = IMAPClient.fetch

    def deadly(self: IMAPClient, uids: Any, data: Any, modifiers: Any = None) -> Any:
        if 2 in uids and any("BODY" in item for item in data):
            self.socket().shutdown(2)
        return fetch(self, uids, data, modifiers)

    monkeypatch.setattr(IMAPClient, "fetch", deadly)
    with box.watched():
        assert sorted(subject(entry) for entry in box.wait_for(3)) == ["0", "2", "3"]
    assert list(box.cursor().failed) == [2]


def test_while_the_spool_is_broken_the_cursor_stands_still_and_nothing_is_given_up(box: Box, tmp_path: Path) -> None:
    box.look_once()
    box.append(*(mail(f"{number}") for number in range(3)), mail("large", 2_000_000))
    before = box.cursor()
    folder = tmp_path / "spool" / "tmp"
    folder.rename(tmp_path / "away")
    door = box.door()
    thread = threading.Thread(target=door.run)
    thread.start()
    wait_until(lambda: door._error_count >= 6, timeout=20, what="six failures")
    assert box.cursor() == before
    (tmp_path / "away").rename(folder)
    assert sorted(subject(entry) for entry in box.wait_for(4)) == ["0", "1", "2", "large"]
    door.stop()
    thread.join(10)
    assert box.cursor().failed == {}


# --- moving -----------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("missing", [set(), {b"MOVE"}])
def test_what_was_read_is_moved_and_what_was_there_before_is_not(
    box: Box, monkeypatch: pytest.MonkeyPatch, missing: set[bytes]
) -> None:
    capabilities = IMAPClient.capabilities
    monkeypatch.setattr(IMAPClient, "capabilities", lambda self: set(capabilities(self)) - missing)
    box.append(mail("old"))
    with box.watched(move_to="Käsitelty"):
        box.append(mail("one"), mail("two"))
        box.wait_for(2)
        wait_until(lambda: count(box, "Käsitelty") == 2, timeout=15)
    assert count(box, "INBOX") == 1
    assert box.cursor().to_move == ()


def test_a_move_that_was_interrupted_is_finished_at_the_next_start_without_reading_again(box: Box) -> None:
    box.look_once(move_to="Done")
    box.append(mail("one"))
    save_cursor(box.path, replace(box.cursor(), uid=1, to_move=(1,)))
    box.look_once()
    assert (count(box, "INBOX"), count(box, "Done"), box.subjects()) == (0, 1, [])


def count(box: Box, folder: str) -> int:
    with box.dovecot.session(box.account) as client:
        return int(client.folder_status(folder, ["MESSAGES"])[b"MESSAGES"])


# --- the cursor -------------------------------------------------------------------------------------------------------------


def test_a_cursor_is_read_as_it_was_saved(tmp_path: Path) -> None:
    cursor = Cursor(
        7, 42, now(), now(), rescan_to_uid=40, rescan_since=now(), to_move=(3, 4), failed={9: Failed("no", 2, now())}
    )
    path = cursor_path(tmp_path / "new folder", "sales box", "INBOX/Ä")
    save_cursor(path, cursor)
    assert load_cursor(path) == cursor
    assert path.stat().st_mode & 0o777 == 0o600


def test_accounts_and_folders_have_cursors_of_their_own(tmp_path: Path) -> None:
    paths = {
        cursor_path(tmp_path, account, folder) for account in ("a b", "a-b", "a") for folder in ("b", "INBOX", "b b")
    }
    assert len(paths) == 9


def test_a_damaged_cursor_is_an_error_and_no_new_beginning(tmp_path: Path) -> None:
    path = tmp_path / "cursor.json"
    for text in ("", "{}", "[]", '{"uid": '):
        path.write_text(text)
        with pytest.raises(Temporary, match=r"cursor\.json"):
            load_cursor(path)


def test_a_fault_of_ours_does_not_end_the_door(box: Box) -> None:
    faults = [RuntimeError("no time"), RuntimeError("no time")]

    def clock() -> datetime:
        if faults:
            raise faults.pop()
        return now()

    door = ImapDoor(box.settings, box.spool, box.cursor_dir, threading.Event(), clock)
    thread = threading.Thread(target=door.run)
    thread.start()
    wait_until(lambda: door.state.last_look_at is not None, timeout=15, what="the first look")
    box.append(mail("after the fault"))
    wait_until(lambda: door.state.taken_count == 1, timeout=15, what="the mail")
    door.stop()
    thread.join(5)
    assert not thread.is_alive()
    assert not faults


# Last, for Dovecot answers all the more slowly after a wrong password.


def test_a_wrong_password_is_told_and_does_not_end_the_door(box: Box) -> None:
    door = box.door(password="wrong", reconnect_after_at_most=60.0)
    thread = threading.Thread(target=door.run)
    thread.start()
    wait_until(lambda: "LOGIN" in door.state.error, timeout=20)
    door.stop()
    thread.join(5)
    assert not thread.is_alive()


def backdate_start(box: Box, age: timedelta) -> None:
    """As if the door had been there for a long time."""
    cursor = box.cursor()
    save_cursor(box.path, replace(cursor, started_at=cursor.started_at - age))


def make_due(box: Box) -> None:
    data = json.loads(box.path.read_text())
    for failed in data["failed"].values():
        failed["next_at"] = (now() - timedelta(seconds=1)).isoformat()
    box.path.write_text(json.dumps(data))


@contextmanager
def unreadable(box: Box, words: str) -> Iterator[None]:
    """The server's disk refuses one mail: it is listed and cannot be read."""
    folder = box.dovecot._folder / "mail" / box.account.user
    [path] = [
        path
        for name in ("cur", "new")
        for path in (folder / name).iterdir()
        if f"Subject: {words}\n".encode() in path.read_bytes()
    ]
    mode = path.stat().st_mode
    path.chmod(0)
    try:
        yield
    finally:
        for moved in folder.glob(f"*/{path.name.split(':')[0]}*"):
            moved.chmod(mode)
