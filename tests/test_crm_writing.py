"""Writing to a customer from the page or the API."""

from pathlib import Path

import pytest
from sqlalchemy import insert, select

from mailcrm.crm.done import Refused
from mailcrm.crm.writing import Undeliverable, write_to_customer
from mailcrm.store.tables import outbox_recipient, suppression
from tests.daemon_house import SALES, mail, running_house
from tests.smtp_peer import SmtpSink


def test_a_suppressed_address_is_refused_until_the_person_insists(tmp_path: Path, smtp_sink: SmtpSink) -> None:
    with running_house(tmp_path, smtp_sink) as house:
        house.receive(mail("Carol Smith <carol@acme.example>", SALES, "Chairs", "Twenty chairs, please."))
        desk, alice, (lead,) = house.base.desk(), house.people["alice"], house.leads()
        gone = {"key": "carol@acme.example", "reason": "two mails came back", "at": house.clock()}
        house.base.store.write(lambda session: session.execute(insert(suppression), gone))
        with pytest.raises(Undeliverable, match=r"carol@acme\.example"):
            desk.perform(lambda session, now: write_to_customer(session, lead.id, "They cost 200.", alice, now))
        assert len(house.chatter(lead.id)) == 1
        desk.perform(
            lambda session, now: write_to_customer(session, lead.id, "They cost 200.", alice, now, is_insisted=True)
        )
        smtp_sink.wait_for(1, to="carol@acme.example")
        assert house.read(select(suppression)) == []
        with pytest.raises(Refused, match="Write something"):
            desk.perform(lambda session, now: write_to_customer(session, lead.id, "  ", alice, now))
        assert len(house.read(select(outbox_recipient).where(outbox_recipient.c.key == "carol@acme.example"))) == 1
