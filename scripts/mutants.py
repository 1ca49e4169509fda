"""Mutation tests of the code that decides about safety: `make mutants`, or with the names of groups.

mutmut changes one thing at a time, such as ``<`` to ``<=``, and runs the tests of the group.  A change
that no test notices survived.  This prints a table and fails if less than 90 % of a group are noticed.
It takes hours, so it is not a part of `make check` or of the continuous integration.

  scripts/mutants.py                    all groups
  scripts/mutants.py signature guard    these groups
  scripts/mutants.py --again guard      only what survived the last run, after tests were added
  scripts/mutants.py --show guard       the changes that survived the last run, as diffs
"""

from __future__ import annotations

import argparse
import json
import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
BUILD = ROOT / "build/mutants"
LEAST_PERCENT = 90
KILLED = (1, 3, 24, 36, 152, 255, -24)  # a failed test, or one that never ended
COPIED = ("relay", "tests", "scripts", "migrations", "wp-plugin", "docs", "ops")


@dataclass(frozen=True)
class Group:
    """Files that are changed (patterns), and the tests that have to notice."""

    files: tuple[str, ...]
    tests: tuple[str, ...]


GROUPS = {
    "signature": Group(("relay/ingest/signature.py",), ("tests/ingest/test_signature.py",)),
    "guard": Group(
        (
            "relay/dashboard/guard.py",
            "relay/services/users/proof.py",
            "relay/services/users/sessions.py",
        ),
        (
            "tests/dashboard/test_guard.py",
            "tests/dashboard/test_auth.py",
            "tests/dashboard/test_account.py",
            "tests/services/users/test_sessions.py",
            "tests/services/users/test_proof.py",
        ),
    ),
    "secrets": Group(("relay/secrets/*.py",), ("tests/secrets",)),
    "conditions": Group(
        (
            "relay/mapping/conditions.py",
            "relay/mapping/operators.py",
            "relay/mapping/paths.py",
        ),
        (
            "tests/mapping/test_conditions.py",
            "tests/mapping/test_operators.py",
            "tests/mapping/test_paths.py",
        ),
    ),
    "conversions": Group(
        ("relay/mapping/convert.py", "relay/mapping/written.py"),
        ("tests/mapping/test_convert.py", "tests/mapping/test_written.py"),
    ),
    "rules": Group(("relay/rules/*.py",), ("tests/rules",)),
}


@dataclass(frozen=True)
class Result:
    """How the changes of one file ended: names of the survivors, and how many there were."""

    path: str
    total: int
    survivors: tuple[str, ...]

    @property
    def killed(self) -> int:
        return self.total - len(self.survivors)


def percent(killed: int, total: int) -> float:
    return 100 * killed / total if total else 100.0


def prepare(name: str, group: Group, fresh: bool) -> Path:
    """A copy of the project with mutmut's settings for this group."""
    folder = BUILD / name
    if fresh:
        shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True, exist_ok=True)
    words = ("git", "ls-files", "-z", "--cached", "--others", "--exclude-standard")
    listed = subprocess.run(words, cwd=ROOT, check=True, capture_output=True, text=True).stdout
    generated = (path.relative_to(ROOT) for path in (ROOT / "relay/static/gen").rglob("*"))
    for path in (*listed.split("\0"), *map(str, generated)):
        if path and (ROOT / path).is_file():
            (folder / path).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(ROOT / path, folder / path)
    settings = {
        "source_paths": ["relay"],
        "only_mutate": list(group.files),
        "also_copy": [*COPIED, "config.py", "wsgi.py", "package.json"],
        # changed files import mutmut
        "pytest_add_cli_args": ["-p", "no:cacheprovider", "-k", "not standard_library"],
        "pytest_add_cli_args_test_selection": [
            test for test in group.tests if (ROOT / test).exists()
        ],
        "use_git_change_detection": False,
        "track_dependencies": False,
    }
    lines = [f"{key} = {json.dumps(value)}" for key, value in settings.items()]
    with open(folder / "pyproject.toml", "a", encoding="utf-8") as file:
        file.write("\n[tool.mutmut]\n" + "\n".join(lines) + "\n")
    return folder


def run(folder: Path, names: list[str]) -> None:
    """Its spinner writes a line ten times a second, so the output goes to a file."""
    log = folder / "mutmut.log"
    with open(log, "w", encoding="utf-8") as file:
        done = subprocess.run(
            [Path(sys.executable).with_name("mutmut"), "run", *names],
            cwd=folder,
            stdout=file,
            stderr=subprocess.STDOUT,
        )
    if done.returncode:
        text = log.read_text(encoding="utf-8")
        sys.exit(f"mutmut failed ({log.relative_to(ROOT)}):\n{text[-3000:]}")


def results(folder: Path) -> list[Result]:
    found = []
    for meta in sorted((folder / "mutants").rglob("*.meta")):
        codes = json.loads(meta.read_text(encoding="utf-8"))["exit_code_by_key"]
        survivors = tuple(name for name, code in codes.items() if code not in KILLED)
        if codes:
            path = str(meta.relative_to(folder / "mutants")).removesuffix(".meta")
            found.append(Result(path, len(codes), survivors))
    return found


def show(folder: Path) -> None:
    for result in results(folder):
        for name in result.survivors:
            words = (Path(sys.executable).with_name("mutmut"), "show", name)
            print(subprocess.run(words, cwd=folder, capture_output=True, text=True).stdout)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("groups", nargs="*", metavar="GROUP", help=f"of {', '.join(GROUPS)}")
    parser.add_argument("--again", action="store_true", help="only what survived the last run")
    parser.add_argument("--show", action="store_true", help="print what survived the last run")
    chosen = parser.parse_args()
    if unknown := set(chosen.groups) - set(GROUPS):
        parser.error(f"{', '.join(unknown)}: not one of {', '.join(GROUPS)}")
    too_few = []
    print(f"{'group':<12} {'file':<44} {'changes':>7} {'killed':>7} {'%':>6}", flush=True)
    for name in chosen.groups or GROUPS:
        if chosen.show:
            show(BUILD / name)
            continue
        folder = prepare(name, GROUPS[name], fresh=not chosen.again)
        survivors = [one for result in results(folder) for one in result.survivors]
        if survivors or not chosen.again:
            run(folder, survivors)
        found = results(folder)
        for result in found:
            print(line(name, result.path, result.killed, result.total), flush=True)
        killed, total = sum(each.killed for each in found), sum(each.total for each in found)
        print(line(name, "all", killed, total), flush=True)
        if not total or percent(killed, total) < LEAST_PERCENT:
            too_few.append(name)
    if too_few:
        sys.exit(f"Less than {LEAST_PERCENT} % killed: {', '.join(too_few)}.")


def line(group: str, path: str, killed: int, total: int) -> str:
    return f"{group:<12} {path:<44} {total:>7} {killed:>7} {percent(killed, total):>6.1f}"


if __name__ == "__main__":
    main()
