"""What people do on a lead from the page or the API, seen in a whole house."""

from pathlib import Path

import pytest
from sqlalchemy import insert, select

from mailcrm.crm.done import Refused
from mailcrm.crm.leads import move_to_stage, restore, set_fields
from mailcrm.crm.stages import all_stages
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


def test_winning_a_lead_keeps_the_probability_that_a_person_typed(tmp_path: Path, smtp_sink: SmtpSink) -> None:
    with running_house(tmp_path, smtp_sink) as house:
        house.receive(mail("Carol Smith <carol@acme.example>", SALES, "Chairs", "Twenty chairs, please."))
        desk, alice, (lead,) = house.base.desk(), house.people["alice"], house.leads()
        with house.base.store.read() as session:
            won = next(stage for stage in all_stages(session) if stage.kind == "won")
        desk.perform(lambda session, now: set_fields(session, lead.id, {"probability": 35}, alice, now))
        desk.perform(lambda session, now: move_to_stage(session, lead.id, won.id, alice, now))
        desk.perform(lambda session, now: restore(session, lead.id, alice, now))
        assert [(row.probability, row.outcome) for row in house.leads()] == [(35, None)]


def test_a_notice_names_a_known_customer_whose_mail_did_not_and_says_that_a_place_was_guessed(
    tmp_path: Path, smtp_sink: SmtpSink
) -> None:
    with running_house(tmp_path, smtp_sink) as house:
        house.receive(mail("Carol Smith <carol@acme.example>", SALES, "Chairs for the café", "Twenty chairs, please."))
        house.receive(mail("carol@acme.example", SALES, "Re: Chairs for the café", "And ten tables."))
        notice = house.notice("alice@firma.test").parsed()
        assert str(notice["From"]).startswith("Carol Smith via")
        part = notice.get_body(("plain",))
        assert part is not None
        assert "Placed here by its subject alone" in part.get_content()
