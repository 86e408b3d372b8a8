"""What the pages of partners show; a constant number of statements for each."""

from collections.abc import Sequence

from sqlalchemy import ColumnElement, RowMapping, func, or_, select, true

from mailcrm.store.engine import Session
from mailcrm.store.tables import lead, message, partner, partner_address, user

PAGE = 50


def read_partners(
    session: Session, text: str, kind: str, visible: ColumnElement[bool], page: int
) -> Sequence[RowMapping]:
    """Partners by name; one more than a page when there are more."""
    company = partner.alias("company")
    address = (
        select(partner_address.c.address)
        .where(partner_address.c.partner_id == partner.c.id)
        .order_by(partner_address.c.is_primary.desc(), partner_address.c.id)
        .limit(1)
        .scalar_subquery()
    )
    is_of_it = or_(lead.c.partner_id == partner.c.id, lead.c.company_id == partner.c.id)
    open_leads = select(func.count()).where(is_of_it, lead.c.outcome.is_(None)).scalar_subquery()
    statement = (
        select(
            partner.c.id, partner.c.name, partner.c.kind, partner.c.relation, partner.c.domain,
            func.coalesce(address, "").label("address"), func.coalesce(company.c.name, "").label("company"),
            func.coalesce(user.c.name, "").label("owner"), open_leads.label("open_leads"),
        )
        .join_from(partner, company, company.c.id == partner.c.company_id, isouter=True)
        .join(user, user.c.id == partner.c.owner_id, isouter=True)
        .where(partner.c.erased_at.is_(None), visible, _kind(kind), _text(text))
        .order_by(func.lower(partner.c.name), partner.c.id)
        .limit(PAGE + 1)
        .offset((page - 1) * PAGE)
    )  # fmt: skip
    return session.execute(statement).mappings().all()


def _kind(kind: str) -> ColumnElement[bool]:
    return partner.c.kind == kind if kind in ("person", "company") else true()


def _text(text: str) -> ColumnElement[bool]:
    if not text:
        return true()
    by_address = select(partner_address.c.partner_id).where(
        partner_address.c.key.contains(text.casefold(), autoescape=True)
    )
    return or_(
        partner.c.name.icontains(text, autoescape=True),
        partner.c.domain.icontains(text, autoescape=True),
        partner.c.id.in_(by_address),
    )


def read_companies(session: Session) -> list[tuple[int, str]]:
    """Companies to choose from, by name; those beyond the first thousand are set on the person's own page."""
    statement = select(partner.c.id, partner.c.name).where(partner.c.kind == "company", partner.c.erased_at.is_(None))
    rows = session.execute(statement.order_by(func.lower(partner.c.name), partner.c.id).limit(1000))
    return [(row.id, row.name) for row in rows]


def read_partner(session: Session, partner_id: int, visible: ColumnElement[bool]) -> RowMapping | None:
    """One partner with the names around it."""
    company = partner.alias("company")
    statement = (
        select(partner, company.c.name.label("company"), user.c.name.label("owner"))
        .join_from(partner, company, company.c.id == partner.c.company_id, isouter=True)
        .join(user, user.c.id == partner.c.owner_id, isouter=True)
        .where(partner.c.id == partner_id, visible)
    )
    return session.execute(statement).mappings().first()


def read_addresses(session: Session, partner_id: int) -> Sequence[str]:
    statement = (
        select(partner_address.c.address)
        .where(partner_address.c.partner_id == partner_id)
        .order_by(partner_address.c.is_primary.desc(), partner_address.c.id)
        .limit(100)
    )
    return session.execute(statement).scalars().all()


def read_people(session: Session, company_id: int) -> Sequence[RowMapping]:
    """The people of a company."""
    statement = (
        select(partner.c.id, partner.c.name)
        .where(partner.c.company_id == company_id, partner.c.erased_at.is_(None))
        .order_by(func.lower(partner.c.name))
        .limit(200)
    )
    return session.execute(statement).mappings().all()


def read_leads(session: Session, partner_id: int, visible: ColumnElement[bool]) -> Sequence[RowMapping]:
    """The leads of a partner or of a company's people, newest first."""
    statement = (
        select(
            lead.c.id, lead.c.title, lead.c.stage_id, lead.c.expected_revenue, lead.c.currency, lead.c.created_at,
            func.coalesce(user.c.name, "").label("owner"),
        )
        .join_from(lead, user, user.c.id == lead.c.owner_id, isouter=True)
        .where(or_(lead.c.partner_id == partner_id, lead.c.company_id == partner_id), visible)
        .order_by(lead.c.id.desc())
        .limit(100)
    )  # fmt: skip
    return session.execute(statement).mappings().all()


def read_mails(session: Session, partner_id: int, visible: ColumnElement[bool]) -> Sequence[RowMapping]:
    """The last mails this partner wrote."""
    statement = (
        select(
            message.c.id, message.c.lead_id, message.c.subject, message.c.at,
            func.substr(message.c.new_text, 1, 200).label("text"),
        )
        .join_from(message, lead, lead.c.id == message.c.lead_id)
        .where(message.c.author_partner_id == partner_id, message.c.kind == "email_in", visible)
        .order_by(message.c.at.desc(), message.c.id.desc())
        .limit(20)
    )  # fmt: skip
    return session.execute(statement).mappings().all()
