"""``flask keys``."""

from __future__ import annotations

from tests.cli.conftest import TIMESTAMP, Run, create_source


def test_rotate_prints_the_new_key_and_keeps_the_old_one_for_the_window(run: Run) -> None:
    made = create_source(run)
    rotated = run("keys", "rotate", "shop", "--window", "2h", "--json")
    new, old = rotated["keys"]
    assert (new["id"], new["state"]) == (rotated["key_id"], "active")
    assert (old["id"], old["state"]) == (made["key_id"], "retiring")
    assert TIMESTAMP.fullmatch(old["not_after"])
    assert rotated["secret"] != made["secret"]
    assert run("keys", "revoke", old["id"], "--json")["state"] == "revoked"
    states = {key["id"]: key["state"] for key in run("keys", "list", "shop", "--json")["items"]}
    assert states == {new["id"]: "active", old["id"]: "revoked"}
    assert "at most 30 days" in run("keys", "rotate", "shop", "--window", "31d", code=1)
