"""The daemon is killed at every boundary between arrival and delivery, and started again: one mail, one effect, nothing lost.

A real process, real SMTP in and a real sink out. Carol writes with an attachment, Alice answers; wherever the daemon dies, there
is one lead with one entry for each of the two mails, and each of the two people gets one mail. Only a kill between the sink's 250
and our commit may repeat a mail, with the same Message-ID and the same bytes.
"""

import contextlib
import re
from collections.abc import Iterator
from datetime import timedelta
from email.message import EmailMessage
from pathlib import Path

import pytest
from sqlalchemy import func, select
from sqlalchemy.engine import make_url

from mailcrm.crm.activities import NewActivity, schedule
from mailcrm.crm.by_hand import Customer, add_lead
from mailcrm.crm.leads import NewLead
from mailcrm.notify.digest import send_one
from mailcrm.store.engine import Session
from mailcrm.store.tables import activity, attachment, command_run, user_address
from tests.daemon_child import DIED, POISON
from tests.daemon_house import SALES, House, answer, mail
from tests.daemon_process import KILLED, Forge, MortalHouse, mortal_house
from tests.servers import Dovecot, DovecotAccount, Postgres, wait_until
from tests.smtp_peer import SmtpSink

ALICE, CAROL = "alice@firma.test", "carol@kala.test"
PUT = ("spool.tmp_written", "spool.fsynced", "spool.renamed", "spool.dir_synced")
PLACED = (
    "spool.claimed",
    "work.blobs_stored",
    "work.begun",
    "work.before_commit",
    "work.committed",
    "spool.before_done",
    "spool.done",
    "work.done",
)
DELIVERED = ("deliver.claimed", "deliver.rendered", "deliver.attempt_recorded", "deliver.sent", "deliver.recorded")
NOT_REPEATED = ("spool.done", "work.done", "deliver.recorded")  # what comes after is the next mail
BURIED = ("spool.reason_written", "spool.buried")
FETCHED = ("imap.spooled", "imap.cursor_saved", "imap.moved")


@pytest.fixture(scope="module")
def forge() -> Iterator[Forge]:
    made = Forge()
    yield made
    made.close()


@pytest.fixture
def mortal(forge: Forge, smtp_sink: SmtpSink) -> Iterator[MortalHouse]:
    with mortal_house(forge, smtp_sink) as made:
        yield made


def question(subject: str = "Sails", sender: str = CAROL, name: str = "Carol") -> EmailMessage:
    files = [("seam.txt", "text/plain", b"a seam")]
    return mail(f"{name} <{sender}>", SALES, subject, f"Do you sew? I ask about {subject}.", attachments=files)


def spooled(mortal: MortalHouse) -> list[str]:
    """The files of mails in the spool, those half-written and never acknowledged left out."""
    root = mortal.house.config.data_dir / "spool"
    files = [path.relative_to(root) for path in root.rglob("*") if path.is_file() and path.name != "lock"]
    return sorted(str(path) for path in files if path.parts[0] != "tmp")


def test_every_crash_point_in_the_code_is_killed_at_here() -> None:
    source = "".join(path.read_text() for path in (Path(__file__).parents[1] / "mailcrm").rglob("*.py"))
    in_code = set(re.findall(r'\breached\("([a-z_.]+)"\)', source))
    assert in_code == {*PUT, *PLACED, *DELIVERED, "spool.given_back", *BURIED, *FETCHED}


@pytest.mark.parametrize("point", [*PUT, *PLACED, *DELIVERED])
def test_one_mail_has_one_effect_wherever_the_daemon_is_killed(mortal: MortalHouse, point: str) -> None:
    house = mortal.house
    mortal.deaths = [f"{point}:{1 if point in NOT_REPEATED else 2}"]
    mortal.start(point)
    mortal.hand_in(question())
    mortal.settle(deaths=1)
    mortal.hand_in(answer(house.notice(ALICE), ALICE, "We do."), is_proven=True)
    mortal.settle(deaths=2)
    assert [daemon.exit_status for daemon in mortal.daemons] == [KILLED, KILLED, None]
    [lead] = house.leads()
    assert [entry.kind for entry in house.chatter(lead.id)] == ["email_in", "email_out"]
    assert [row.state for row in house.inbounds()] == ["done", "done"]
    assert house.one(select(func.count()).select_from(attachment)) == 1
    for who in (ALICE, CAROL):
        assert len(house.to(who)) == (2 if point == "deliver.sent" else 1)
        assert len({caught.raw for caught in house.to(who)}) == 1
    assert spooled(mortal) == []


@pytest.mark.parametrize("point", [*PLACED, *DELIVERED])
def test_a_first_mail_is_acknowledged_once_wherever_the_daemon_is_killed(
    forge: Forge, smtp_sink: SmtpSink, point: str
) -> None:
    with mortal_house(forge, smtp_sink, acknowledge={"enabled": True}) as mortal:
        mortal.start(point)
        made = question()
        made["Authentication-Results"] = "mx.firma.test; dmarc=pass header.from=kala.test"
        mortal.hand_in(made)
        mortal.settle(deaths=1)
        mortal.hand_in(question("Ropes"))
        mortal.settle(deaths=1)
        acknowledged = mortal.house.to(CAROL)
        assert len({caught.raw for caught in acknowledged}) == 1
        assert len(acknowledged) <= (2 if point == "deliver.sent" else 1)


def test_a_copy_that_comes_again_after_a_kill_is_not_counted_as_another(mortal: MortalHouse) -> None:
    mortal.start(roles=["smtp"])
    mortal.hand_in(question())
    mortal.daemons[-1].kill()
    mortal.start("work.committed", roles=["work"])
    mortal.settle(deaths=2)
    [row] = mortal.house.inbounds()
    assert row.copies == 1


@pytest.mark.parametrize("point", [*PLACED, *DELIVERED])
def test_the_answer_to_a_digest_is_done_once_wherever_the_daemon_is_killed(mortal: MortalHouse, point: str) -> None:
    house = mortal.house
    call = _overdue_call(house)
    mortal.start()
    mortal.settle()
    mortal.daemons[-1].kill()
    [told] = house.to(ALICE)
    mortal.start(point)
    mortal.hand_in(answer(told, ALICE, "1 done they like it\n1 note She wants two."), is_proven=True)
    mortal.settle(deaths=2)
    assert [daemon.exit_status for daemon in mortal.daemons[1:]] == [KILLED, None]
    [row] = house.read(select(activity))
    assert (row.id, row.done_at is not None, row.feedback) == (call, True, "they like it")
    assert [entry.new_text for entry in house.chatter(row.lead_id, "note")] == ["She wants two."]
    assert house.one(select(func.count()).select_from(command_run)) == 1
    receipts = house.to(ALICE)[1:]
    assert len(receipts) == (2 if point == "deliver.sent" else 1)
    assert len({caught.raw for caught in receipts}) == 1
    assert house.to(CAROL) == ()


def _overdue_call(house: House) -> int:
    """Alice was to call Carol yesterday, and her digest says so; the id of the call."""
    now = house.clock()
    alice = house.one(select(user_address.c.user_id).where(user_address.c.key == ALICE))

    def planned(session: Session) -> int:
        new = NewLead("Sails", None, owner_id=alice)
        lead_id = add_lead(
            session, new, Customer(address=CAROL, name="Carol"), house.config.mail.domains, alice, now
        ).id
        due_on = now.date() - timedelta(days=2)
        return schedule(session, lead_id, NewActivity("call", due_on, user_id=alice), alice, now).id

    call = house.base.store.write(planned)
    assert send_one(house.base.store, alice, now.date(), now, house.config) == "sent"
    return call


def test_a_kill_while_claims_of_the_dead_are_given_back_loses_nothing(mortal: MortalHouse) -> None:
    mortal.deaths = ["spool.given_back"]
    mortal.start("work.begun")
    mortal.hand_in(question())
    mortal.settle(deaths=2)
    assert [daemon.exit_status for daemon in mortal.daemons] == [KILLED, KILLED, None]
    assert len(mortal.house.leads()) == len(mortal.house.to(ALICE)) == 1


@pytest.mark.parametrize("point", BURIED)
def test_a_kill_while_an_unreadable_file_is_put_aside_hides_neither_it_nor_others(
    mortal: MortalHouse, point: str
) -> None:
    new = mortal.house.config.data_dir / "spool" / "new"
    (new / "0000000000000-bad.0").write_bytes(b"no envelope\nSubject: ?\n\n?\n")
    mortal.start(roles=["smtp"])
    mortal.hand_in(question())
    mortal.daemons[-1].kill()
    mortal.start(point)
    mortal.settle(deaths=2)
    assert [daemon.exit_status for daemon in mortal.daemons[1:]] == [KILLED, None]
    buried = [row for row in mortal.house.inbounds() if row.state == "buried"]
    assert [(row.spool_id, row.route, row.reason) for row in buried] == [("0000000000000-bad", "buried", "buried")]
    assert "envelope" in buried[0].reason_detail
    assert len(mortal.house.leads()) == len(mortal.house.to(ALICE)) == 1
    assert spooled(mortal) == ["buried/0000000000000-bad", "buried/0000000000000-bad.reason"]


# --- the peer's answer is lost ------------------------------------------------------------------------------------------


def test_a_notice_whose_acceptance_was_not_heard_is_repeated_with_the_same_bytes(mortal: MortalHouse) -> None:
    mortal.start()
    mortal.house.sink.drop_after_data()
    mortal.hand_in(question())
    mortal.house.sink.wait_for(1, to=ALICE)
    mortal.daemons[-1].kill()
    mortal.later(timedelta(minutes=40))
    mortal.start()
    mortal.house.sink.wait_for(2, to=ALICE)
    mortal.settle()
    first, second = mortal.house.to(ALICE)
    assert first.raw == second.raw
    assert first.mail_from == second.mail_from


# --- poison -------------------------------------------------------------------------------------------------------------


def put_poison(mortal: MortalHouse, *, tries: int) -> None:
    """A poisoned mail, and another behind it; so many tries were spent before."""
    mortal.start(roles=["smtp"])
    mortal.hand_in(question(sender=f"{POISON}@kala.test", name='"Carol; sails"'))  # a From that mail-parser is shown
    mortal.daemons[-1].kill()
    [waiting] = (mortal.house.config.data_dir / "spool" / "new").iterdir()
    waiting.rename(waiting.with_suffix(f".{tries}"))
    mortal.start(roles=["smtp"])
    mortal.hand_in(question("order"))
    mortal.daemons[-1].kill()


def test_a_mail_that_kills_its_reading_process_is_buried_shown_and_when_mended_replayed(
    forge: Forge, smtp_sink: SmtpSink
) -> None:
    with mortal_house(forge, smtp_sink, ingest={"processes": 1}) as mortal:
        house = mortal.house
        put_poison(mortal, tries=3)
        mortal.start()
        new = house.config.data_dir / "spool" / "new"
        wait_until(lambda: any(new.glob("*.4.*")), timeout=30, what=f"the fourth try; {mortal.log()}")
        mortal.later(timedelta(minutes=3))
        mortal.settle()
        [buried] = [row for row in house.inbounds() if row.state == "buried"]
        assert "this mail ended the process that worked on it" in buried.reason_detail
        assert len(house.leads()) == len([*smtp_sink.mails]) == 1
        mortal.daemons[-1].kill()
        mortal.start(is_mended=True)
        assert house.base.spool.replay(buried.spool_id)
        mortal.settle()
        [row] = [row for row in house.inbounds() if row.spool_id == buried.spool_id]
        assert (row.id, row.state, row.is_new_lead) == (buried.id, "done", True)
        assert len(house.inbounds()) == len(house.leads()) == len([*smtp_sink.mails]) == 2
        assert spooled(mortal) == []


def _time_passes_until_it_dies(mortal: MortalHouse) -> int:
    """Start it and let three minutes pass, again until they count: a mail may be taken back, to wait, only after they passed."""
    daemon = mortal.start()
    for _ in range(10):
        mortal.later(timedelta(minutes=3))
        with contextlib.suppress(AssertionError):
            return daemon.wait_for_end(timeout=5)
    return daemon.wait_for_end()


def test_a_mail_that_kills_the_whole_daemon_is_buried_and_shown_after_five_tries(mortal: MortalHouse) -> None:
    house = mortal.house
    put_poison(mortal, tries=0)
    for _ in range(5):
        assert _time_passes_until_it_dies(mortal) == DIED, mortal.log()
    mortal.start()
    wait_until(lambda: len(house.inbounds()) == 2, what="both mails in the list")
    mortal.settle()
    [buried] = [row for row in house.inbounds() if row.state == "buried"]
    assert "each time the process ended" in buried.reason_detail
    assert len(house.leads()) == len(house.to(ALICE)) == 1
    mortal.daemons[-1].kill()
    mortal.start(is_mended=True)
    assert house.base.spool.replay(buried.spool_id)
    mortal.settle()
    assert [row.state for row in house.inbounds()] == ["done", "done"]
    assert len(house.leads()) == 2


# --- PostgreSQL ---------------------------------------------------------------------------------------------------------


def test_several_daemons_share_a_spool_and_an_outbox_and_their_deaths_cost_nothing(
    forge: Forge, smtp_sink: SmtpSink, postgres_url: str
) -> None:
    with mortal_house(forge, smtp_sink, postgres_url) as mortal:
        house = mortal.house
        first, second, _ = mortal.start(), mortal.start(), mortal.start()
        for number in range(20):
            mortal.hand_in(question(f"order {number}", f"carol@kala{number}.test"))
            if number == 7:
                first.kill()
            if number == 14:
                second.kill()
        mortal.start()
        mortal.settle()
        smtp_sink.wait_for(20)
        assert [row.state for row in house.inbounds()] == ["done"] * 20
        assert len(house.leads()) == len({lead.partner_id for lead in house.leads()}) == 20
        assert len({caught.parsed()["Message-ID"] for caught in smtp_sink.mails}) == 20
        assert len({caught.raw for caught in smtp_sink.mails}) == 20
        assert spooled(mortal) == []


def test_mail_is_accepted_while_the_database_is_away_and_placed_when_it_is_back(
    forge: Forge, smtp_sink: SmtpSink, postgres: Postgres, postgres_url: str
) -> None:
    name = make_url(postgres_url).database or ""
    with mortal_house(forge, smtp_sink, postgres_url) as mortal:
        mortal.start()
        mortal.hand_in(question("first"))
        mortal.settle()
        postgres.shut(name)
        try:
            for number in range(3):
                mortal.hand_in(question(f"order {number}", f"carol{number}@kala.test"))
            wait_until(lambda: "the database or the disk is away" in mortal.log(), what="a word about it")
        finally:
            postgres.open(name)
        mortal.later(timedelta(seconds=10))
        wait_until(lambda: len(smtp_sink.mails) == 4, timeout=20, what=f"four notices; {mortal.log()}")
        mortal.settle()
        assert mortal.daemons[0].exit_status is None
        assert len(mortal.house.leads()) == 4
        assert [row.copies for row in mortal.house.inbounds()] == [1] * 4


# --- IMAP ---------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("point", FETCHED)
def test_a_mail_fetched_by_imap_has_one_effect_wherever_the_daemon_is_killed(
    forge: Forge, smtp_sink: SmtpSink, dovecot: Dovecot, tmp_path: Path, point: str
) -> None:
    account = dovecot.new_account()
    secret = tmp_path / "password"
    secret.write_text(account.password)
    server = {"host": account.host, "port": account.port, "tls": "none", "user": account.user}
    imap = [{"name": "box", "password_file": str(secret), "move_to": "Read", "poll_seconds": 1, **server}]
    roles = ("imap", "work", "deliver")
    with mortal_house(forge, smtp_sink, imap=imap) as mortal:
        cursors = mortal.house.config.data_dir / "imap"
        mortal.start(roles=roles)
        wait_until(lambda: any(cursors.glob("*.json")), what="the first look at the mailbox")
        mortal.daemons[-1].kill()
        dovecot.append(account, question().as_bytes())
        assert mortal.start(point, roles=roles).wait_for_end() == KILLED
        mortal.start(roles=roles)
        smtp_sink.wait_for(1, to=ALICE)
        wait_until(lambda: _mail_count(dovecot, account) == 0, what="an empty mailbox")
        mortal.settle()
        assert len(mortal.house.leads()) == len(mortal.house.to(ALICE)) == 1
        [row] = mortal.house.inbounds()
        assert row.door == "imap"


def _mail_count(dovecot: Dovecot, account: DovecotAccount) -> int:
    with dovecot.session(account) as client:
        return int(client.select_folder("INBOX", readonly=True)[b"EXISTS"])
