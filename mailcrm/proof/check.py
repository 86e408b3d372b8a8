"""SPF, DKIM and DMARC of one mail together, as a relay would write them into Authentication-Results.

Only what could prove the From domain is looked up: signatures of domains aligned with it, and SPF if the reverse-path's domain is.
So no question goes where a stranger's mail alone points to. What is not looked up has the result "policy".
"""

from functools import partial

from mailcrm.address import domain_key
from mailcrm.mail import AuthResults, Envelope
from mailcrm.proof.policy import RELAXED, STRICT, Policy, policy_of
from mailcrm.proof.resolver import DnsTrouble, Lookup
from mailcrm.proof.sender import spf_result
from mailcrm.proof.signature import Signed, content_of, signatures
from mailcrm.threading.domains import are_aligned

HERE = "checked here"


def check(raw: bytes, envelope: Envelope, from_domain: str, lookup: Lookup, *, says_address: bool) -> AuthResults:
    """The results for the domain in From. ``says_address``: the client's address is its own, so that SPF can be asked."""
    domain = domain_key(from_domain)
    is_wanted = partial(are_aligned, domain)
    signed = signatures(content_of(raw), lookup, is_wanted, envelope.received_at)
    sender, spf = _spf(envelope, domain, lookup) if says_address else ("", "none")
    try:
        published, dmarc = policy_of(domain, lookup), ""
    except DnsTrouble:
        published, dmarc = STRICT, "temperror"  # what it would have counted is not known
    policy = published or RELAXED
    dkim_domains = tuple(
        one.domain for one in signed if one.result == "pass" and policy.counts_dkim(one.domain, domain)
    )
    spf_domain = sender if spf == "pass" and policy.counts_spf(sender, domain) else ""
    if not dmarc:
        is_proven = bool(dkim_domains or spf_domain)
        dmarc = _dmarc(published, is_proven, spf, signed, domain)
    results = (("spf", spf), *(("dkim", one.result) for one in signed or (Signed("", "none"),)), ("dmarc", dmarc))
    return AuthResults(HERE, 0, results, dkim_domains, spf_domain, from_domain)


def _spf(envelope: Envelope, domain: str, lookup: Lookup) -> tuple[str, str]:
    """Who the envelope says has sent it, and the result."""
    sender = domain_key(envelope.mail_from.rpartition("@")[2] if envelope.mail_from else envelope.helo)
    if not are_aligned(sender, domain):
        return sender, "policy"
    return sender, spf_result(lookup, envelope.peer, envelope.mail_from, envelope.helo)


def _dmarc(published: Policy | None, is_proven: bool, spf: str, signed: tuple[Signed, ...], domain: str) -> str:
    """Fail only where nothing valid speaks for the domain: a signature that is too weak for us is no forgery."""
    if published is None:
        return "none"
    if is_proven:
        return "pass"
    results = {spf, *(one.result for one in signed)}
    if "temperror" in results:
        return "temperror"
    is_weak = any(one.result == "policy" and published.counts_dkim(one.domain, domain) for one in signed)
    return "none" if is_weak else "fail"
