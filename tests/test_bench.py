"""The bench runs and prints its table. What it measures is not asserted: a test machine has other work as well."""

import email
import subprocess
import sys
from pathlib import Path

import pytest

from bench import digest
from bench.reading import rows, typical_mails


@pytest.mark.timeout(300)  # it starts eight processes, on a machine that runs other tests
def test_the_bench_prints_its_table_and_no_mail_stays_without_a_notice() -> None:
    root = Path(__file__).resolve().parent.parent
    command = [sys.executable, "-m", "bench", "--quick"]
    ran = subprocess.run(command, cwd=root, capture_output=True, text=True, timeout=280, check=False)

    assert ran.returncode == 0, ran.stderr
    assert ran.stdout.startswith("figure ")
    rows = {line[:54].strip(): line[54:].split() for line in ran.stdout.splitlines()}
    assert rows["mails without a notice"] == ["0", "0"]
    assert float(rows["statements a mail"][0]) > 0


def test_reading_is_measured_on_mails_of_every_form_beside_the_parser_alone() -> None:
    mails = typical_mails(12)
    forms = {email.message_from_bytes(raw).get_content_type() for raw in mails}
    lines = list(rows(count=8, turns=1))

    assert forms == {"multipart/alternative", "text/plain", "text/html"}
    assert any(b"In-Reply-To" in raw for raw in mails)
    assert any("Ystävällisin".encode() in raw for raw in mails)
    kinds = dict(line[2:].split(": mail-parser alone / on top") for line in lines[1:4])
    assert kinds.keys() == {"text and HTML", "text", "HTML"}
    assert all(float(time) > 0 for both in kinds.values() for time in both.split("/"))
    assert [line[:54].strip() for line in lines[4:7]] == [
        "all: mail-parser alone",
        "all: understood (parse, HTML, body, classify)",
        "all: on top of mail-parser",
    ]
    alone, whole, on_top = (float(line[54:]) for line in lines[4:7])
    assert 0 < alone < whole
    assert abs(on_top - (whole - alone)) < 0.02


def test_a_morning_of_digests_is_measured_and_its_statements_do_not_grow_with_the_rows(tmp_path: Path) -> None:
    counted = []
    for leads in (200, 1600):
        sizes = digest.Sizes(users=20, leads=leads)
        (tmp_path / str(leads)).mkdir()
        figures = digest.measure(sizes, tmp_path / str(leads))
        lines = list(digest.rows(sizes, figures))
        assert f" digests over {leads} leads" in lines[0]
        assert [line[:54].strip() for line in lines[1:]] == [
            "read and written, seconds",
            "made into mails, seconds",
            "in all, seconds",
            "statements a user",
            "largest HTML, bytes",
        ]
        assert figures.largest < 100_000
        counted.append(figures.statements)
    assert counted[0] == counted[1]
