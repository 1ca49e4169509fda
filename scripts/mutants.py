"""Mutation tests of the code that decides about safety: `make mutants`, or with the names of groups.

mutmut changes one thing at a time, such as ``<`` to ``<=``, and runs the tests of the group.  A change
that no test notices survived.  This prints a table and fails if less than 90 % of a group are noticed.
It takes hours, so it is not a part of `make check` or of the continuous integration.

  scripts/mutants.py                    all groups
  scripts/mutants.py signature guard    these groups
  scripts/mutants.py --continue         what a run that was stopped did not try
  scripts/mutants.py --again guard      only what survived the last run, after tests were added
  scripts/mutants.py --show guard       the changes that survived the last run, as diffs
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import subprocess
import sys
from collections.abc import Iterable, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

from tests.support.databases import Databases  # noqa: E402

BUILD = ROOT / "build/mutants"
LEAST_PERCENT = 90
KILLED = (1, 3, 24, 36, 152, 255, -24)  # a failed test, or one that never ended
# not: which modules a file imports, because changed files import mutmut; and simulations of minutes
SLOW = "not standard_library and not sixty_weeks and not nights_and_weekends"
PYTEST = ("-p", "no:cacheprovider", "-k", SLOW)
COPIED = ("relay", "tests", "scripts", "migrations", "wp-plugin", "docs", "ops")


@dataclass(frozen=True)
class Group:
    """Files that are changed (patterns), and the tests that have to notice.

    mutmut forks after the imports, so a change in a function that runs only at import has no effect.
    The changes of such functions are tried in a process of their own.
    """

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
            "tests/services/users/test_proof.py",
            "tests/services/users/test_sessions.py",
        ),
    ),
    # without test_vault: a real OpenBao takes seconds to start for each change
    "secrets": Group(
        ("relay/secrets/*.py",),
        (
            "tests/secrets/test_references.py",
            "tests/secrets/test_vault_access.py",
            "tests/secrets/test_vault.py::test_a_path_that_could_lead_elsewhere_is_refused",
            "tests/secrets/test_vault.py::test_a_path_is_encoded_for_the_url",
            "tests/test_secrets.py",
        ),
    ),
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
    """How the changes of one file ended: their names, of the killed, the survivors and the rest.

    ``hashes`` are of the functions that were changed.
    """

    path: str
    killed: tuple[str, ...]
    survivors: tuple[str, ...]
    untried: tuple[str, ...]
    hashes: Mapping[str, str]

    def in_untouched_functions(self) -> list[str]:
        """The survivors in functions of which every change survived."""
        touched = {function_of(name) for name in self.killed}
        return [name for name in self.survivors if function_of(name) not in touched]

    def killed_in_same_functions(self, hashes: Mapping[str, str]) -> list[str]:
        """The killed in functions that have these hashes: a name in another function is another change."""
        keys = {name: function_of(name).rpartition(".")[2] for name in self.killed}
        return [name for name, key in keys.items() if self.hashes.get(key) == hashes.get(key)]


def function_of(name: str) -> str:
    return name.rpartition("__mutmut_")[0]


def percent(killed: int, survived: int) -> float:
    return 100 * killed / (killed + survived) if killed else 0.0


def environment() -> dict[str, str]:
    """For the tests: with a migrated database, which each process would otherwise make for itself."""
    template = Path(Databases(BUILD / "database").new_sqlite().removeprefix("sqlite:///"))
    return dict(os.environ) | {"SQLITE_TEMPLATE": str(template)}


def prepare(name: str, group: Group, fresh: bool) -> Path:
    """A copy of the project with mutmut's settings for this group."""
    folder = BUILD / name
    if fresh:
        shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True, exist_ok=True)
    words = ("git", "ls-files", "-z", "--cached", "--others", "--exclude-standard")
    listed = subprocess.run(words, cwd=ROOT, check=True, capture_output=True, text=True).stdout
    built = (*(ROOT / "relay/static/gen").rglob("*"), *(ROOT / "relay/translations").rglob("*.mo"))
    generated = (path.relative_to(ROOT) for path in built)
    for path in (*listed.split("\0"), *map(str, generated)):
        if path and (ROOT / path).is_file():
            (folder / path).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(ROOT / path, folder / path)
    settings = {
        "source_paths": ["relay"],
        "only_mutate": list(group.files),
        "also_copy": [*COPIED, "config.py", "wsgi.py", "package.json"],
        "pytest_add_cli_args": list(PYTEST),
        "pytest_add_cli_args_test_selection": list(group.tests),
        "use_git_change_detection": False,
        "track_dependencies": False,
    }
    lines = [f"{key} = {json.dumps(value)}" for key, value in settings.items()]
    with open(folder / "pyproject.toml", "a", encoding="utf-8") as file:
        file.write("\n[tool.mutmut]\n" + "\n".join(lines) + "\n")
    return folder


def run(folder: Path, names: list[str], env: dict[str, str]) -> None:
    """Its spinner writes a line ten times a second, so the output goes to a file."""
    log = folder / "mutmut.log"
    with open(log, "w", encoding="utf-8") as file:
        done = subprocess.run(
            [Path(sys.executable).with_name("mutmut"), "run", *names],
            cwd=folder,
            env=env,
            stdout=file,
            stderr=subprocess.STDOUT,
        )
    if done.returncode:
        text = log.read_text(encoding="utf-8")
        sys.exit(f"mutmut failed ({log.relative_to(ROOT)}):\n{text[-3000:]}")


def try_again(folder: Path, tests: list[str], env: dict[str, str]) -> None:
    """Run the tests once more for each survivor, in a process that imports the changed file."""

    def is_killed(name: str) -> bool:
        done = subprocess.run(
            [sys.executable, "-m", "pytest", "-qx", *PYTEST, *tests],
            cwd=folder / "mutants",
            env=env | {"MUTANT_UNDER_TEST": name},
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        return done.returncode in KILLED

    for result in results(folder):
        suspects = result.in_untouched_functions()
        with ThreadPoolExecutor(os.cpu_count()) as pool:
            killed = dict(zip(suspects, pool.map(is_killed, suspects), strict=True))
        mark_killed(folder, result.path, [name for name, was in killed.items() if was])


def mark_killed(folder: Path, path: str, names: Iterable[str]) -> None:
    """Store that a test noticed these changes of a file."""
    file = folder / "mutants" / f"{path}.meta"
    meta = json.loads(file.read_text(encoding="utf-8"))
    meta["exit_code_by_key"] |= dict.fromkeys(names, 1)
    file.write_text(json.dumps(meta, indent=4), encoding="utf-8")


def mark_killed_before(folder: Path, before: list[Result]) -> None:
    """mutmut forgets results when the list of tests has changed."""
    now = {result.path: result for result in results(folder)}
    for result in before:
        names = result.killed_in_same_functions(now[result.path].hashes)
        mark_killed(folder, result.path, names)


def results(folder: Path) -> list[Result]:
    found = []
    for meta in sorted((folder / "mutants").rglob("*.meta")):
        stored = json.loads(meta.read_text(encoding="utf-8"))
        codes = stored["exit_code_by_key"]
        killed = tuple(name for name, code in codes.items() if code in KILLED)
        untried = tuple(name for name, code in codes.items() if code is None)
        survivors = tuple(name for name in codes if name not in {*killed, *untried})
        if codes:
            path = str(meta.relative_to(folder / "mutants")).removesuffix(".meta")
            found.append(Result(path, killed, survivors, untried, stored["hash_by_function_name"]))
    return found


def show(folder: Path) -> None:
    for result in results(folder):
        for name in result.survivors:
            words = (Path(sys.executable).with_name("mutmut"), "show", name)
            print(subprocess.run(words, cwd=folder, capture_output=True, text=True).stdout)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("groups", nargs="*", metavar="GROUP", help=f"of {', '.join(GROUPS)}")
    parser.add_argument(
        "--continue", action="store_true", dest="go_on", help="only what is untried"
    )
    parser.add_argument("--again", action="store_true", help="only what survived the last run")
    parser.add_argument("--show", action="store_true", help="print what survived the last run")
    chosen = parser.parse_args()
    if unknown := set(chosen.groups) - set(GROUPS):
        parser.error(f"{', '.join(unknown)}: not one of {', '.join(GROUPS)}")
    too_few, env = [], {} if chosen.show else environment()
    print(f"{'group':<12} {'file':<44} {'changes':>7} {'killed':>7} {'%':>6}", flush=True)
    for name in chosen.groups or GROUPS:
        if chosen.show:
            show(BUILD / name)
            continue
        folder = prepare(name, GROUPS[name], fresh=not (chosen.again or chosen.go_on))
        before = results(folder)
        if chosen.again and (survivors := [one for result in before for one in result.survivors]):
            run(folder, survivors, env)
            mark_killed_before(folder, before)
        if not before or any(result.untried for result in results(folder)):
            run(folder, [], env)
        try_again(folder, list(GROUPS[name].tests), env)
        found = results(folder)
        for result in found:
            print(line(name, result.path, len(result.killed), len(result.survivors)), flush=True)
        killed = sum(len(result.killed) for result in found)
        survived = sum(len(result.survivors) for result in found)
        print(line(name, "all", killed, survived), flush=True)
        if percent(killed, survived) < LEAST_PERCENT:
            too_few.append(name)
    if too_few:
        sys.exit(f"Less than {LEAST_PERCENT} % killed: {', '.join(too_few)}.")


def line(group: str, path: str, killed: int, survived: int) -> str:
    total, share = killed + survived, percent(killed, survived)
    return f"{group:<12} {path:<44} {total:>7} {killed:>7} {share:>6.1f}"


if __name__ == "__main__":
    main()
