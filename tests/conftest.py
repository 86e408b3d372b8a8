"""Fixtures for the real servers. Each test process starts a server at the first test that asks for it."""

import os
import shutil
import tempfile
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser, Page, sync_playwright

from tests.daemon_house import Clock, House, furnished_database, running_house
from tests.servers import Dovecot, Postfix, Postgres, program, running_dovecot, running_postfix, running_postgres
from tests.smtp_peer import SmtpSink, running_smtp_sink

# Nothing that Chromium does by itself: a test machine has no network, and each refused look-up costs time.
_CHROMIUM_FLAGS = (
    "--no-sandbox",  # Chromium refuses its sandbox to root; the pages are our own
    "--disable-gpu",
    "--disable-quic",
    "--disable-dev-shm-usage",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
)


@pytest.fixture(scope="session")
def postgres() -> Iterator[Postgres]:
    with running_postgres() as server:
        yield server


@pytest.fixture
def make_postgres_database(postgres: Postgres) -> Iterator[Callable[..., str]]:
    """`make_postgres_database(template="template0")` gives the URL of a new database, dropped after the test."""
    with ExitStack() as dropped:

        def make(*, template: str = "template0") -> str:
            name = postgres.create_database(template=template)
            dropped.callback(postgres.drop_database, name)
            return postgres.url(name)

        yield make


@pytest.fixture
def postgres_url(make_postgres_database: Callable[..., str]) -> str:
    """The URL of an empty database of this test's own."""
    return make_postgres_database()


@pytest.fixture(scope="session")
def _dovecot() -> Iterator[Dovecot]:
    with running_dovecot() as server:
        yield server


@pytest.fixture
def dovecot(_dovecot: Dovecot) -> Iterator[Dovecot]:
    """The session's IMAP server; take a `new_account()` in each test. A test may stop it: it runs again afterwards."""
    yield _dovecot
    if not _dovecot.is_running:
        _dovecot.start()


@pytest.fixture(scope="session")
def postfix() -> Iterator[Postfix]:
    with running_postfix() as server:
        yield server


@pytest.fixture
def make_smtp_sink() -> Iterator[Callable[[], SmtpSink]]:
    with ExitStack() as running:
        yield lambda: running.enter_context(running_smtp_sink())


@pytest.fixture
def smtp_sink(make_smtp_sink: Callable[[], SmtpSink]) -> SmtpSink:
    return make_smtp_sink()


# A whole house is started in each journey, on a copy of a database that was migrated and furnished once.
@pytest.fixture(scope="session")
def _furnished_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("furnished")
    furnished_database(folder)
    return folder


@pytest.fixture(scope="session")
def _furnished_postgres(postgres: Postgres, tmp_path_factory: pytest.TempPathFactory) -> str:
    name = postgres.create_database()
    furnished_database(tmp_path_factory.mktemp("furnished"), postgres.url(name))
    return name


@pytest.fixture(params=["sqlite", "postgresql"])
def make_house(
    request: pytest.FixtureRequest, tmp_path: Path, make_smtp_sink: Callable[[], SmtpSink]
) -> Iterator[Callable[..., House]]:
    """`make_house(**sections)` starts a daemon with its own sink; the test runs once on each kind of database."""
    with ExitStack() as running:

        def make(**sections: Any) -> House:
            if request.param == "sqlite":
                shutil.copytree(request.getfixturevalue("_furnished_folder"), tmp_path / "house")
                url = ""
            else:
                template = request.getfixturevalue("_furnished_postgres")
                url = request.getfixturevalue("make_postgres_database")(template=template)
            return running.enter_context(running_house(tmp_path / "house", make_smtp_sink(), url, Clock(), **sections))

        yield make


@pytest.fixture
def house(make_house: Callable[..., House]) -> House:
    return make_house()


# One browser per file and not per session: while Playwright's synchronous API is open, its event loop counts as running
# in this thread, and `asyncio.run` in a test of another file would fail.
@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    executable = program("chromium", package="chromium fonts-dejavu-core")
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=executable, args=list(_CHROMIUM_FLAGS))
        yield browser
        browser.close()


@pytest.fixture
def page(browser: Browser) -> Iterator[Page]:
    """A tab without cookies or history; what takes longer than 10 s fails."""
    context = browser.new_context(locale="en-GB", timezone_id="Europe/Helsinki")
    context.set_default_timeout(10_000)
    yield context.new_page()
    context.close()


@pytest.fixture
def short_tmp_path() -> Iterator[Path]:
    """Like `tmp_path`, but short enough for a Unix socket (107 characters)."""
    with tempfile.TemporaryDirectory(prefix="mailcrm-", dir="/tmp") as folder:
        yield Path(folder)


@pytest.fixture(autouse=True)
def _no_settings_from_outside(monkeypatch: pytest.MonkeyPatch) -> None:
    """A developer's own MAILCRM_CONFIG must not reach a test."""
    for name in list(os.environ):
        if name.startswith("MAILCRM_"):
            monkeypatch.delenv(name)
