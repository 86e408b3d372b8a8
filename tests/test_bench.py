"""The bench runs and prints its table. What it measures is not asserted: a test machine has other work as well."""

import subprocess
import sys
from pathlib import Path

import pytest


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
