"""Rules about the source tree that the import contracts cannot express."""

from __future__ import annotations

import ast
import re
import subprocess
from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
# the files that may depend on which of the two databases is in use, and why
TWO_DIALECTS = {
    "relay/database.py": "holds every difference between them",
    "relay/models/base.py": "declares column types for both",
    "relay/services/operations/checks/database.py": "prints the name of the database",
    "relay/ingest/store/sql.py": "writes the hot path's statements by hand, one for each database",
    "relay/ingest/store/writer.py": "selects one of them",
}
# tests that do not belong to one module, and what they cover
WITHOUT_MODULE = {
    "tests/test_architecture.py": "the source tree",
    "tests/test_extending.py": "the steps of docs/extending.md",
    "tests/test_migrations.py": "every migration, forwards and backwards",
    "tests/test_statement_counts.py": "the number of statements per page and request",
    "tests/test_support.py": "the fake services of the tests",
    "tests/cli/test_contract.py": "exit codes and output of every command",
    "tests/dashboard/test_limited_people.py": "people who are limited to some sites, on every page",
    "tests/dashboard/test_pages.py": "headers, secrets and fragments on every page",
    "tests/dashboard/test_route_matrix.py": "every route for every kind of person, and CSRF",
    "tests/destinations/test_contract.py": "what every kind of destination must do",
}
OWN_FOLDERS = ("tests/journeys/", "tests/faults/", "tests/wordpress/", "tests/browser/")


def files(*patterns: str) -> list[str]:
    """Files that git tracks or would add, relative to the project's folder."""
    command = ["git", "ls-files", "--cached", "--others", "--exclude-standard", "--", *patterns]
    found = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True)
    return sorted(name for name in set(found.stdout.splitlines()) if (ROOT / name).exists())


def modules() -> list[str]:
    return files("relay/*.py")


def test_only_the_database_module_knows_two_dialects() -> None:
    knows = re.compile(r"dialect\.name|sqlalchemy\.dialects|\bis_postgres\b")
    found = {name for name in modules() if knows.search((ROOT / name).read_text())}
    assert found <= set(TWO_DIALECTS)


def literals(node: ast.expr) -> Iterator[str]:
    """The strings in an expression such as ``"open"`` or ``("open", "closed")``."""
    for part in ast.walk(node):
        if isinstance(part, ast.Constant) and isinstance(part.value, str):
            yield part.value


def states_compared_to_text(tree: ast.AST) -> Iterator[int]:
    """The lines that compare ``….state`` to a string literal, in Python or in a statement."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Compare):
            sides = [node.left, *node.comparators]
            if any(_is_state(side) for side in sides):
                texts = [
                    side for side in sides if isinstance(side, ast.Constant | ast.Tuple | ast.Set)
                ]
                if any(list(literals(side)) for side in texts):
                    yield node.lineno
        elif isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute):
            is_in = node.func.attr in ("in_", "not_in") and _is_state(node.func.value)
            if is_in and any(list(literals(argument)) for argument in node.args):
                yield node.lineno


def _is_state(node: ast.expr) -> bool:
    return isinstance(node, ast.Attribute) and node.attr in ("state", "circuit", "resolution")


def test_states_are_compared_to_enums() -> None:
    found = [
        f"{name}:{line}"
        for name in modules()
        for line in states_compared_to_text(ast.parse((ROOT / name).read_text()))
    ]
    assert found == []


def test_a_comparison_to_text_is_found() -> None:
    for line in (
        'x.state == "open"',
        '"open" != x.state',
        'x.state in ("open", "closed")',
        'select(X).where(X.state.in_(["open"]))',
        'X.circuit != "closed"',
    ):
        assert list(states_compared_to_text(ast.parse(line))) == [1], line
    for line in (
        "x.state == State.OPEN",
        "X.state.in_(OPEN)",
        'x.name == "state"',
        "a.state = 'x'",
    ):
        assert list(states_compared_to_text(ast.parse(line))) == [], line


def test_a_class_name_is_used_once() -> None:
    homes: dict[str, list[str]] = defaultdict(list)
    for name in modules():
        for node in ast.walk(ast.parse((ROOT / name).read_text())):
            if isinstance(node, ast.ClassDef) and node.name != "Meta":
                homes[node.name].append(name)
    assert {name: where for name, where in homes.items() if len(where) > 1} == {}


def mirrors_a_module(name: str) -> bool:
    """Whether ``tests/<path>/test_<module>.py`` has its ``relay/<path>/<module>.py`` or script."""
    path = Path(name).relative_to("tests")
    module = path.with_name(path.name.removeprefix("test_"))
    package = (module.with_suffix("")) / "__init__.py"
    places = [ROOT / "relay" / module, ROOT / "relay" / package, ROOT / "scripts" / module.name]
    if len(path.parts) == 1:
        places.append(ROOT / module)
    return any(place.exists() for place in places)


def test_every_test_file_mirrors_a_module() -> None:
    strays = {
        name
        for name in files("tests/test_*.py", "tests/**/test_*.py")
        if not name.startswith(OWN_FOLDERS)
        and name not in WITHOUT_MODULE
        and not mirrors_a_module(name)
    }
    assert strays == set()
