"""What ``make try-install`` runs: the commands of the Debian guide, and what the guide promises of them."""

from __future__ import annotations

import subprocess

from scripts.try_install import NAME, PAGE, script


def test_each_block_is_run_but_the_alternative_and_each_promise_is_known() -> None:
    text = PAGE.read_text(encoding="utf-8")
    code, steps = script(text, valkey=False)
    assert f"\nNAME={NAME} " in code
    assert "certbot" not in code
    assert len(steps) == 10
    run = sum(len(step.code) for step in steps)
    assert run == text.count("\n```\n") // 2 - 2, "all but the values and nginx"
    promised = {promise for step in steps for promise in step.promises}
    assert {"noeviction", '"status":"ready"', "Inbox: delivered"} <= promised
    assert subprocess.run(["bash", "-n"], input=code, text=True).returncode == 0


def test_with_valkey_no_command_of_its_steps_names_redis() -> None:
    code, _ = script(PAGE.read_text(encoding="utf-8"), valkey=True)
    assert "valkey-server" in code and "/etc/valkey/valkey.conf" in code
    assert [line for line in code.splitlines() if "redis" in line and "redis://" not in line] == []
