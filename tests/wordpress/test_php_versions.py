"""Every file of the plugin compiles on the oldest and the newest PHP without warnings."""

import shutil
import subprocess
from pathlib import Path

import pytest

from scripts.build_assets import fetch, npm_command
from tests.wordpress.site import PLUGIN

LAB = Path(__file__).parent


@pytest.fixture(scope="module")
def node() -> str:
    """Node, with the packages of this folder."""
    fetch(LAB)
    return shutil.which("node") or npm_command()[0]


def compiled(node: str, *files: Path) -> subprocess.CompletedProcess:
    return subprocess.run(
        [node, str(LAB / "parse.mjs"), *map(str, files)],
        capture_output=True,
        text=True,
        timeout=120,
    )


def test_every_file_compiles_on_php_7_4_and_8_5(node):
    files = sorted(PLUGIN.rglob("*.php"))
    done = compiled(node, *files)
    assert done.returncode == 0, done.stdout + done.stderr
    assert f"PHP 7.4.33: {len(files)} files" in done.stdout and "PHP 8.5." in done.stdout


@pytest.mark.parametrize(
    ("code", "says"),
    [
        ("enum A { case B; }", "PHP 7.4: "),
        ("function f( int $a = null ) { return $a; }", "PHP 8.5: "),
        ("$a = ;", "Parse error"),
    ],
)
def test_a_file_that_does_not_compile_is_found(node, tmp_path, code, says):
    path = tmp_path / "file.php"
    path.write_text(f"<?php\ndefined( 'ABSPATH' ) || exit;\n{code}\n")
    done = compiled(node, path)
    assert done.returncode == 1 and says in done.stdout
