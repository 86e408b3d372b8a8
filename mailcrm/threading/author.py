"""Who wrote a mail: a user with proof, a user by claim, an outsider, or a machine (DESIGN section 3). Pure.

A ``From:`` proves nothing. Proof of a user is an aligned DKIM or SPF pass, or a DMARC pass, in the Authentication-Results of
a relay we were told to trust, or checked by ourselves where no such relay stands before us.
"""

from collections.abc import Mapping
from dataclasses import dataclass

from mailcrm.address import address_key
from mailcrm.mail import Address, Author, AuthorKind, AuthResults, Envelope, MailKind, ParsedMail, Verdict
from mailcrm.rules import Rules
from mailcrm.threading.domains import are_aligned

_ROLES = frozenset(
    (
        "info", "sales", "contact", "form", "forms", "webform", "web", "website", "www", "wordpress", "admin", "office",
        "support", "hello", "webmaster", "server", "mailer", "notification", "notifications", "myynti", "asiakaspalvelu",
        "lomake", "yhteydenotto", "toimisto", "posti", "palvelin",
    )
)  # fmt: skip
_SHARED = frozenset(
    (
        "accounting", "accounts", "billing", "booking", "bookings", "careers", "customerservice", "enquiries", "export",
        "finance", "helpdesk", "hr", "inquiries", "invoice", "invoices", "jobs", "mail", "marketing", "newsletter", "order",
        "orders", "post", "postmaster", "press", "procurement", "purchasing", "reception", "sekretariat", "service", "shop",
        "team", "asiakaspalvelut", "hallinto", "hankinta", "hankinnat", "kirjaamo", "laskut", "laskutus", "markkinointi",
        "osto", "ostot", "rekry", "taloushallinto", "tarjouspyynnot", "tilaukset", "vaihde", "forsaljning", "inkop", "kundtjanst",
        "order-info", "einkauf", "kontakt", "rechnung", "vertrieb", "verkauf", "buero", "achats", "comptabilite", "contacto",
        "ventas", "compras", "vendite", "acquisti",
    )
)  # fmt: skip
_NO_REPLY = (
    "noreply",
    "no-reply",
    "no_reply",
    "donotreply",
    "do-not-reply",
    "eivastausta",
    "ei-vastausta",
    "alavastaa",
)


@dataclass(frozen=True, slots=True)
class StaffAddress:
    """An address of a user."""

    key: str
    user_id: int
    is_active: bool


def author_of(
    mail: ParsedMail,
    verdict: Verdict,
    envelope: Envelope,
    staff: Mapping[str, StaffAddress],
    rules: Rules,
    *,
    is_from_staff_domain: bool = False,
) -> Author:
    """Decide who wrote ``mail``. ``staff`` holds the users' addresses among those the mail names.

    ``is_from_staff_domain``: users have addresses at the domain of From (and it is no mail provider's).
    """
    from_ = mail.from_ or Address("", envelope.mail_from)
    known = staff.get(address_key(from_.address))
    if verdict.is_machine and (known or verdict.kind is not MailKind.HUMAN):  # a form may send with a null reverse-path
        proof = staff_proof(mail, envelope, rules) if known and known.is_active else ""
        return Author(AuthorKind.MACHINE, from_, known.user_id if known else None, proof)
    if known:
        proof = staff_proof(mail, envelope, rules) if known.is_active else ""
        kind = AuthorKind.USER_PROVEN if proof else AuthorKind.USER_CLAIMED
        return Author(kind, from_, known.user_id, proof)
    person = form_person(mail, from_, staff, rules, is_from_staff_domain=is_from_staff_domain)
    if person is None and verdict.form is not None and (rules.is_ours(from_.address) or is_nobody(from_.address)):
        person = _outside(verdict.form.person, staff, rules)
    if person:
        return Author(AuthorKind.OUTSIDER, person, is_form=True)
    behind = mail.written_by
    if behind is not None and not verdict.is_machine and _outside(behind.box, staff, rules):
        return Author(AuthorKind.OUTSIDER, behind.box, proof=behind.proof)
    return Author(AuthorKind.MACHINE if verdict.is_machine else AuthorKind.OUTSIDER, from_)


def is_nobody(address: str) -> bool:
    """A function's address, or one that nobody reads."""
    return is_role(address) or is_no_reply(address)


def is_shared(address: str) -> bool:
    """An address that belongs to a company rather than to one person."""
    return is_nobody(address) or address_key(address).partition("@")[0].partition("+")[0] in _SHARED


def _outside(person: Address | None, staff: Mapping[str, StaffAddress], rules: Rules) -> Address | None:
    """The person, unless they are a user or the address is one of ours: what a mail says of us is no proof."""
    if person is None or address_key(person.address) in ("", *staff) or rules.is_ours(person.address):
        return None
    return person


def staff_proof(mail: ParsedMail, envelope: Envelope, rules: Rules) -> str:
    """In words, what proves that the From domain sent this; "" if nothing does."""
    results = trusted_results(mail, envelope, rules)
    if results is None or mail.from_ is None or has_several_from(mail):
        return ""
    domain = mail.from_.domain
    if _said(results, "dmarc") == ["pass"] and _is_about(results, mail.from_):
        return f"dmarc=pass ({results.authserv_id})"
    if "fail" in _said(results, "dmarc"):
        return ""
    if any(are_aligned(d, domain) for d in results.dkim_domains):
        return f"dkim=pass ({results.authserv_id})"
    if _said(results, "spf") == ["pass"] and are_aligned(results.spf_domain, domain):
        return f"spf=pass ({results.authserv_id})"
    return ""


def _said(results: AuthResults, method: str) -> list[str]:
    """All results of a method. A relay writes one of SPF and DMARC each: a second one was smuggled in."""
    return [result for said, result in results.results if said == method]


def _is_about(results: AuthResults, from_: Address) -> bool:
    """Whether the DMARC result is about the address that we read; a relay that names no domain may have read another one."""
    return results.dmarc_from == from_.domain or (not results.dmarc_from and "@" not in from_.name)


def is_disproven(mail: ParsedMail, envelope: Envelope, rules: Rules) -> bool:
    """Whether a trusted relay says that the From domain did *not* send this."""
    results = trusted_results(mail, envelope, rules)
    return has_several_from(mail) or (results is not None and "fail" in _said(results, "dmarc"))


def trusted_results(mail: ParsedMail, envelope: Envelope, rules: Rules) -> AuthResults | None:
    """What we checked ourselves, else the topmost Authentication-Results of a relay we trust, or None.

    Only the topmost one with a trusted id counts, and only above the Received lines that are not our relays' own: what is further
    down came with the mail (RFC 8601 section 5).
    """
    if mail.checked is not None:
        return mail.checked
    ids = rules.authserv_ids_for(envelope)
    for results in mail.auth:
        if results.authserv_id.lower() in ids:
            return results if results.received_above <= rules.own_received else None
    return None


def has_several_from(mail: ParsedMail) -> bool:
    """Whether the mail carries more than one From, or more than one address in it, which DMARC cannot judge."""
    return any("several from" in defect.lower() or "multiple from" in defect.lower() for defect in mail.defects)


def form_person(
    mail: ParsedMail,
    from_: Address,
    staff: Mapping[str, StaffAddress],
    rules: Rules,
    *,
    is_from_staff_domain: bool = False,
) -> Address | None:
    """The person behind a web form's mail: From is ours, a role or a no-reply address, and Reply-To is somebody else."""
    is_form_sender = is_from_staff_domain or rules.is_ours(from_.address)
    if not (is_form_sender or is_role(from_.address) or is_no_reply(from_.address)):
        return None
    others = (
        p
        for p in mail.reply_to
        if address_key(p.address) not in ("", address_key(from_.address))
        and not (is_from_staff_domain and p.domain == from_.domain)
    )
    return next((p for p in others if address_key(p.address) not in staff and not rules.is_ours(p.address)), None)


def is_role(address: str) -> bool:
    """Whether the local part names a function rather than a person."""
    return address_key(address).partition("@")[0] in _ROLES


def is_no_reply(address: str) -> bool:
    """Whether nobody reads answers to this address."""
    local = address_key(address).partition("@")[0]
    return any(word in local for word in _NO_REPLY)
