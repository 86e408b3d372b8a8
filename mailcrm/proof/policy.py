"""DMARC (RFC 7489): what a domain says about mail in its name, and what of SPF and DKIM counts for it."""

from dataclasses import dataclass

from mailcrm.proof.resolver import Lookup
from mailcrm.threading.domains import are_aligned, organisational


@dataclass(frozen=True, slots=True)
class Policy:
    """A published record. Strict: the domain itself must have signed or sent; relaxed: any of the same organisation."""

    is_dkim_strict: bool = False
    is_spf_strict: bool = False

    def counts_dkim(self, domain: str, from_domain: str) -> bool:
        return domain == from_domain if self.is_dkim_strict else are_aligned(domain, from_domain)

    def counts_spf(self, domain: str, from_domain: str) -> bool:
        return domain == from_domain if self.is_spf_strict else are_aligned(domain, from_domain)


RELAXED = Policy()
STRICT = Policy(True, True)


def policy_of(from_domain: str, lookup: Lookup) -> Policy | None:
    """The record of the domain, else of its organisation (6.6.3); None where there is none, or several. May raise DnsTrouble."""
    domains = dict.fromkeys((from_domain, organisational(from_domain)))
    for domain in domains:
        records = [text for text in lookup.txt(f"_dmarc.{domain}") if _is_policy(text)]
        if records:
            return _read(records[0]) if len(records) == 1 else None
    return None


def _is_policy(text: bytes) -> bool:
    return text.partition(b";")[0].replace(b" ", b"") == b"v=DMARC1"


def _read(text: bytes) -> Policy:
    tags = dict(part.partition("=")[::2] for part in text.decode("ascii", "replace").replace(" ", "").split(";"))
    return Policy(tags.get("adkim", "").lower() == "s", tags.get("aspf", "").lower() == "s")
