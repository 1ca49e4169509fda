"""``flask users``."""

from __future__ import annotations

import pytest

from tests.cli.conftest import Run

SQLITE = pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)


@SQLITE
def test_a_created_account_is_listed_without_its_password(run: Run) -> None:
    words = ("users", "create", "ann@example.com", "--role", "admin", "--password-stdin", "--json")
    made = run(*words, input="correct horse battery staple\n")
    assert (made["email"], made["role"]) == ("ann@example.com", "admin")
    listed = run("users", "list", "--json")
    assert (listed["total"], listed["items"]) == (1, [made])
    assert "horse" not in run("users", "list")
    assert "already exists" in run(*words, input="correct horse battery staple\n", code=1)
    assert "easy" in run(*words, input="password1234\n", code=1)
