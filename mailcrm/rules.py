"""The rules that routing obeys, as one value: the configuration's part of every decision."""

import ipaddress
from dataclasses import dataclass, field
from datetime import timedelta
from functools import lru_cache
from urllib.parse import urlsplit

from mailcrm.address import address_key, domain_key
from mailcrm.config import Config
from mailcrm.mail import Door, Envelope

# No client on the Internet comes from there, so that such an address says nothing about who sends (RFC 6890).
_PRIVATE = tuple(
    map(
        ipaddress.ip_network,
        (
            "0.0.0.0/8", "10.0.0.0/8", "100.64.0.0/10", "127.0.0.0/8", "169.254.0.0/16", "172.16.0.0/12", "192.168.0.0/16",
            "::/127", "fc00::/7", "fe80::/10",
        ),
    )
)  # fmt: skip
_IpAddress = ipaddress.IPv4Address | ipaddress.IPv6Address


@dataclass(frozen=True, slots=True)
class Rules:
    """What the configuration says about placing and deciding. Pure functions take it as an argument."""

    domains: frozenset[str]
    notify_key: str
    page_host: str
    currency: str = "EUR"
    authserv_ids: frozenset[str] = frozenset()
    imap_authserv_ids: dict[str, frozenset[str]] = field(default_factory=dict)
    own_received: int = 1
    verify: str = "public"  # all, off
    trusted_networks: tuple[ipaddress.IPv4Network | ipaddress.IPv6Network, ...] = ()
    is_token_enough: bool = False
    own_lists: frozenset[str] = frozenset()
    trusted_senders: frozenset[str] = frozenset()
    max_received: int = 30
    max_new_leads_per_address: int = 20
    max_new_leads_per_domain: int = 50
    max_messages_per_lead: int = 10
    max_equal_bodies: int = 5
    subject_age: timedelta = timedelta(days=30)
    won_age: timedelta = timedelta(days=30)
    wake_age: timedelta = timedelta(days=90)
    is_late_reply_held: bool = True
    holidays: str = ""  # the country whose public holidays count for who has named none

    locale: str = "en"  # of the firm
    acknowledge_after: timedelta = timedelta()  # since the last one to the same address; 0 = never
    acknowledge_languages: frozenset[str] = frozenset({"en"})

    def is_ours(self, address: str) -> bool:
        """Whether the address lies at a catch-all domain of ours."""
        return domain_key(address.rpartition("@")[2]) in self.domains

    def authserv_ids_for(self, envelope: Envelope) -> frozenset[str]:
        """Whose Authentication-Results may be believed for a mail that came through this door."""
        if envelope.peer in self.imap_authserv_ids:
            return self.imap_authserv_ids[envelope.peer]
        return self.authserv_ids if self.is_trusted_peer(envelope.peer) else frozenset()

    def is_trusted_peer(self, peer: str) -> bool:
        """Whether the SMTP client is one of our own relays; a local pipe has no peer and is."""
        if not peer:
            return True
        address = _ip(peer)
        return address is not None and any(address in network for network in self.trusted_networks)

    def is_first_hop(self, envelope: Envelope) -> bool:
        """Whether nobody of ours received this mail before us, and we are to check ourselves who sent it."""
        if self.verify == "off" or envelope.door is not Door.SMTP or envelope.source != "envelope":
            return False
        is_elsewhere = _ip(envelope.peer) is not None and not self.is_trusted_peer(envelope.peer)
        return is_elsewhere and (self.verify == "all" or is_public(envelope.peer))


def is_public(peer: str) -> bool:
    """Whether a client on the Internet may have this address."""
    address = _ip(peer)
    return address is not None and not any(address in network for network in _PRIVATE)


@lru_cache(1_000)
def _ip(text: str) -> _IpAddress | None:
    try:
        address = ipaddress.ip_address(text.partition("%")[0])
    except ValueError:
        return None
    return getattr(address, "ipv4_mapped", None) or address


def rules_of(config: Config) -> Rules:
    """The rules that a configuration makes."""
    days = config.routing
    return Rules(
        domains=frozenset(config.mail.domains),
        notify_key=address_key(config.notify_address),
        page_host=urlsplit(config.public_url).netloc,
        currency=config.company.currency,
        authserv_ids=frozenset(name.lower() for name in config.security.authserv_ids),
        imap_authserv_ids={a.name: frozenset(i.lower() for i in a.authserv_ids) for a in config.imap},
        own_received=config.security.own_received,
        verify=config.security.verify,
        trusted_networks=tuple(ipaddress.ip_network(n, strict=False) for n in config.smtp.trusted_relays),
        is_token_enough=config.security.unproven_staff == "token_is_enough",
        own_lists=frozenset(name.lower() for name in config.ingest.own_lists),
        trusted_senders=frozenset(name.lower() for name in config.ingest.trusted_senders),
        max_received=config.ingest.max_received,
        max_new_leads_per_address=config.ingest.max_new_leads_per_address,
        max_new_leads_per_domain=config.ingest.max_new_leads_per_domain,
        max_messages_per_lead=config.ingest.max_messages_per_lead,
        max_equal_bodies=config.ingest.max_equal_bodies,
        subject_age=timedelta(days=days.subject_days),
        won_age=timedelta(days=days.won_days),
        wake_age=timedelta(days=days.wake_days),
        is_late_reply_held=days.late_reply_hold,
        holidays=config.digest.holidays,
        locale=config.company.locale,
        acknowledge_after=timedelta(days=config.acknowledge.days if config.acknowledge.enabled else 0),
        acknowledge_languages=frozenset(config.acknowledge.texts),
    )
