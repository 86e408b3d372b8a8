"""What the import contracts cannot say: the core needs nothing, and the inbound path commits in one place."""

import ast
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
PACKAGE = ROOT / "mailcrm"
VALUES = ("mail", "address")
VAGUE_NAMES = {"utils", "util", "helpers", "common", "misc", "manager", "processor", "service", "base"}


@pytest.mark.parametrize("name", VALUES)
def test_the_values_import_only_the_standard_library(name: str) -> None:
    allowed = {*sys.stdlib_module_names, *(f"mailcrm.{other}" for other in VALUES)}
    imported = set(_imported_modules(PACKAGE / f"{name}.py"))
    assert {module for module in imported if module not in allowed and module.partition(".")[0] not in allowed} == set()


def test_everything_in_ingest_can_be_imported_without_a_database_library() -> None:
    modules = [
        ".".join(path.relative_to(ROOT).with_suffix("").parts).removesuffix(".__init__")
        for path in sorted((PACKAGE / "ingest").glob("**/*.py"))
    ]
    program = "\n".join(
        [
            "import importlib, sys",
            "sys.modules.update(dict.fromkeys(['sqlalchemy', 'psycopg', 'alembic', 'sqlite3']))",
            *(f"importlib.import_module({module!r})" for module in modules),
        ]
    )
    done = subprocess.run([sys.executable, "-c", program], cwd=ROOT, capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stderr


def test_the_inbound_path_commits_only_in_run_batch() -> None:
    inbound = [PACKAGE / "decide.py", PACKAGE / "apply.py", PACKAGE / "pipeline.py"]
    inbound += [path for folder in ("crm", "threading") for path in sorted((PACKAGE / folder).glob("**/*.py"))]
    commits = {
        f"{path.relative_to(ROOT)}: {function}"
        for path in inbound
        if path.exists()
        for function in _functions_that_commit(ast.parse(path.read_text()))
    }
    assert commits <= {"mailcrm/pipeline.py: run_batch"}


def test_no_module_has_a_vague_name() -> None:
    assert [path for path in PACKAGE.glob("**/*.py") if path.stem in VAGUE_NAMES] == []


def test_our_threading_package_is_never_imported_under_the_name_of_the_standard_one() -> None:
    shadows = [
        f"{path.relative_to(ROOT)}:{node.lineno}"
        for folder in ("mailcrm", "tests", "bench")
        for path in sorted((ROOT / folder).glob("**/*.py"))
        for node in ast.walk(ast.parse(path.read_text()))
        if isinstance(node, ast.ImportFrom) and node.module == "mailcrm" and "threading" in _names(node)
    ]
    assert shadows == []


def test_no_two_layouts_of_tests() -> None:
    assert [path.name for path in (ROOT / "tests").glob("**/test_*.py") if path.parent != ROOT / "tests"] == []


def _imported_modules(path: Path) -> Iterator[str]:
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            yield from (name.name for name in node.names)
        elif isinstance(node, ast.ImportFrom):
            module = node.module or ""
            yield from (f"{module}.{name.name}" for name in node.names) if module == "mailcrm" else (module,)


def _functions_that_commit(tree: ast.Module) -> Iterator[str]:
    for function in ast.walk(tree):
        if isinstance(function, ast.FunctionDef | ast.AsyncFunctionDef):
            calls = (node.func for node in ast.walk(function) if isinstance(node, ast.Call))
            if any(isinstance(called, ast.Attribute) and called.attr == "commit" for called in calls):
                yield function.name


def _names(node: ast.ImportFrom) -> set[str]:
    return {name.name for name in node.names}
