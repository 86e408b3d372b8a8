"""The pages in a real Chromium: the main paths, hostile mail, the keyboard alone, a phone, Finnish."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page, expect
from sqlalchemy import select

from mailcrm.store import tables
from tests.website import PASSWORD, Website, mail, running_website


@pytest.fixture
def site(tmp_path: Path) -> Iterator[Website]:
    with running_website(tmp_path) as site:
        yield site


def _sign_in(page: Page, site: Website, who: str = "alice") -> None:
    page.goto(site.url)
    page.get_by_label("E-mail address").fill(f"{who}@firma.test")
    page.get_by_label("Password").fill(PASSWORD)
    page.get_by_role("button", name="Sign in").click()
    expect(page.get_by_role("heading", level=1)).to_have_text("Pipeline")


def test_a_salesperson_moves_a_card_writes_a_note_and_answers_the_customer(page: Page, site: Website) -> None:
    _sign_in(page, site)
    card = page.locator(f"#card-{site.ids['second']}")
    card.get_by_text("Move", exact=False).first.click()
    card.get_by_role("combobox").select_option(label="Quote sent")
    card.get_by_role("button", name="Move").click()
    expect(page.get_by_role("region", name="Quote sent")).to_contain_text("Yearly service contract")
    page.get_by_role("link", name="Laser cutting of 40 frames").click()
    page.locator("summary", has_text="Internal note").click()
    page.get_by_label("Note", exact=True).fill("Margin is thin <b>here</b>")
    page.get_by_role("button", name="Save the note").click()
    expect(page.locator(".entry.note").last).to_contain_text("Margin is thin <b>here</b>")
    page.get_by_label("Message", exact=True).fill("Here is the quote.")
    page.get_by_role("button", name="Send to the customer").click()
    expect(page.locator(".entry.email_out").last).to_contain_text("Here is the quote.")
    newest = site.rows(select(tables.outbox.c.kind).order_by(tables.outbox.c.id.desc()).limit(2))
    assert {row.kind for row in newest} == {"customer_reply", "sent"}


def test_waiting_mail_is_decided_on_from_the_board(page: Page, site: Website) -> None:
    _sign_in(page, site)
    page.get_by_role("link", name="1 to sort").click()
    page.get_by_role("button", name="Make lead").click()
    expect(page.get_by_role("status")).to_contain_text("dealt with")
    page.get_by_role("navigation", name="State").get_by_role("link", name="Held").click()
    page.get_by_role("button", name="Keep as a note").click()
    expect(page.get_by_role("status")).to_contain_text("dealt with")
    decided = [tables.inbound.c.id.in_((site.ids["inbound triage"], site.ids["inbound held"]))]
    routes = site.rows(select(tables.inbound.c.route).where(*decided).order_by(tables.inbound.c.id))
    assert sorted(row.route for row in routes) == ["new_lead", "note"]


def test_hostile_mail_does_nothing(page: Page, site: Website) -> None:
    arrived: list[str] = []
    stopped: dict[
        str, str | None
    ] = {}  # what the policy stops never reaches the network; anything else fails otherwise
    page.on("requestfinished", lambda request: arrived.append(request.url))
    page.on("requestfailed", lambda request: stopped.update({request.url: request.failure}))
    _sign_in(page, site)
    page.goto(f"{site.url}/leads/{site.ids['lead']}")
    page.get_by_text("Show as the sender formatted it").click()
    frame = page.frame_locator("iframe")
    expect(frame.get_by_text("Hello there")).to_be_visible()
    frame.get_by_text("Go").click()
    frame.get_by_text("link").click()
    expect(page).to_have_title("Laser cutting of 40 frames · Firma")
    assert [url for url in arrived if not url.startswith(site.url)] == []
    assert set(stopped.values()) <= {"csp"}, stopped
    page.goto(f"{site.url}/messages/{site.ids['mail']}/html")
    assert page.title() == "."


def test_the_keyboard_alone_is_enough(page: Page, site: Website) -> None:
    page.goto(site.url)
    page.keyboard.press("Tab")
    expect(page.get_by_role("link", name="Skip to the content")).to_be_focused()
    page.keyboard.press("Tab")
    page.keyboard.type("alice@firma.test")
    page.keyboard.press("Tab")
    page.keyboard.type(PASSWORD)
    page.keyboard.press("Enter")
    expect(page.get_by_role("heading", level=1)).to_have_text("Pipeline")
    card = page.locator(f"#card-{site.ids['unowned']}")
    _tab_to(page, f"#card-{site.ids['unowned']} summary")
    page.keyboard.press("Enter")
    page.keyboard.press("Tab")
    expect(card.get_by_role("combobox")).to_be_focused()
    page.keyboard.type("Meeting")
    page.keyboard.press("Tab")
    page.keyboard.press("Enter")
    expect(page.get_by_role("region", name="Meeting booked")).to_contain_text("12 ovesta")


def _tab_to(page: Page, selector: str) -> None:
    for _ in range(60):
        page.keyboard.press("Tab")
        if page.evaluate("s => document.activeElement?.matches(s)", selector):
            outline = page.evaluate("getComputedStyle(document.activeElement).outlineStyle")
            assert outline == "solid"
            return
    raise AssertionError(f"{selector} cannot be reached by Tab")


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_a_phone_scrolls_only_downwards_in_both_languages(browser: Browser, site: Website, scheme: str) -> None:
    context = browser.new_context(viewport={"width": 360, "height": 740}, color_scheme=scheme)  # type: ignore[arg-type]
    page, faults = context.new_page(), list[str]()
    page.on("console", lambda message: faults.append(message.text) if message.type == "error" else None)
    page.on("pageerror", lambda error: faults.append(str(error)))
    _sign_in(page, site)
    i = site.ids
    paths = ["/", f"/leads/{i['lead']}", "/activities", "/partners", f"/partners/{i['carol']}", "/inbound", "/outbox"]
    paths += ["/inbound?state=held", f"/inbound/{i['inbound held']}", f"/outbox/{i['outbox']}", "/settings"]
    paths += ["/inbound?state=triage", "/leads/new", "/partners/new", "/partners/new?kind=company"]
    _hold_back_and_guess(site)
    for locale in ("en", "fi"):
        _speak(site, locale)
        for path in paths:
            page.goto(site.url + path)
            assert page.locator("html").get_attribute("lang") == locale
            assert page.evaluate("document.documentElement.scrollWidth") <= 360, (path, locale)
            assert _unnamed(page) == [], path
            assert _faint(page) == [], (path, locale)
    assert faults == []
    context.close()


def _hold_back_and_guess(site: Website) -> None:
    """A mail that may not leave, and messages that ask to be split and confirmed."""
    values = {"state": "held", "params": {"held": "The mail holds an address of staff: bob@firma.test"}}
    site.write(
        lambda s: s.execute(tables.outbox.update().where(tables.outbox.c.id == site.ids["outbox"]).values(values))
    )
    guessed = mail("Carol Virtanen <carol@asiakas.test>", "Re: Laser cutting of 40 frames", "It is about chairs.")
    site.receive(guessed, "carol@asiakas.test")
    reply = mail("Mallory <m@muualla.test>", "Re: Laser", "To me, please.", ("References", "<lasers@asiakas.test>"))
    site.receive(reply, "m@muualla.test")


def _speak(site: Website, locale: str) -> None:
    site.write(lambda session: session.execute(tables.user.update().values(locale=locale)))


def _unnamed(page: Page) -> list[str]:
    """Fields without a label, buttons without a text, ids used twice."""
    found: list[str] = page.evaluate(
        """() => [
        ...[...document.querySelectorAll('input:not([type=hidden], [aria-hidden]), select, textarea')]
            .filter(e => !e.labels.length).map(e => e.outerHTML),
        ...[...document.querySelectorAll('button, a[href], summary')].filter(e => !e.textContent.trim()).map(e => e.outerHTML),
        ...[...document.querySelectorAll('[id]')].map(e => e.id).filter((id, n, all) => all.indexOf(id) !== n),
        ]"""
    )
    return found


def _faint(page: Page) -> list[str]:
    """Texts whose contrast to what lies behind them is under 4.5:1 (WCAG 2.2, 1.4.3)."""
    found: list[str] = page.evaluate(
        """() => {
        const rgb = text => text.match(/[\\d.]+/g).map(Number);
        const light = ([r, g, b]) => [r, g, b].map(c => (c /= 255) <= .04045 ? c / 12.92 : ((c + .055) / 1.055) ** 2.4)
            .reduce((sum, c, n) => sum + c * [.2126, .7152, .0722][n], 0);
        const behind = e => { for (; e; e = e.parentElement) {
            const c = rgb(getComputedStyle(e).backgroundColor); if (c.length === 3 || c[3] === 1) return c; }
            return [255, 255, 255]; };
        const contrast = e => { const a = light(rgb(getComputedStyle(e).color)), b = light(behind(e));
            return (Math.max(a, b) + .05) / (Math.min(a, b) + .05); };
        return [...document.querySelectorAll('main *, header *')].filter(e => e.offsetParent && [...e.childNodes]
            .some(n => n.nodeType === 3 && n.textContent.trim())).filter(e => contrast(e) < 4.5)
            .map(e => contrast(e).toFixed(2) + ' ' + e.outerHTML.slice(0, 120)); }"""
    )
    return found
