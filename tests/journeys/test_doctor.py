"""Ten ways to break an installation: ``flask doctor`` names each in one line, with what to do."""

from __future__ import annotations

import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest
from cryptography.fernet import Fernet
from redis import Redis

from relay.launcher.processes import ROOT
from relay.launcher.valkey import Valkey
from tests.support.network import free_port, wait_for
from tests.support.openbao import OpenBao
from tests.support.postgres import PostgresServer
from tests.support.sink import Sink
from tests.support.stack import Stack

POSTGRES = pytest.mark.parametrize("database_url", ["postgres"], indirect=True)
LIMIT_S = 10.0  # of the whole command's checks; the rest is the start of Python
START_S = 5.0


@dataclass(frozen=True)
class Report:
    """What ``flask doctor --json`` printed."""

    code: int
    ok: bool
    findings: list[dict[str, str]]
    took_s: float

    def problems(self) -> dict[str, tuple[str, str]]:
        """-> level, and what was found and what to do, of each check that is not ok"""
        return {
            one["check"]: (one["level"], f"{one['what']} {one['do']}")
            for one in self.findings
            if one["level"] != "ok"
        }

    def named(self, check: str, level: str, *words: str) -> str:
        """Assert that one finding of this level has all the words and advice.  -> its line"""
        of_check = [one for one in self.findings if (one["check"], one["level"]) == (check, level)]
        assert len(of_check) == 1, self.problems()
        line = f"{of_check[0]['what']} {of_check[0]['do']}"
        assert of_check[0]["do"], of_check
        assert "\n" not in line
        for word in words:
            assert word in line, line
        assert self.code == (1 if any(o["level"] == "error" for o in self.findings) else 0)
        assert self.ok is (self.code == 0)
        levels = [one["level"] for one in self.findings]
        assert levels == sorted(levels, key=["error", "warning", "ok"].index)
        return line


def doctor(stack: Stack, *words: str, before: tuple[str, ...] = (), **settings: str) -> Report:
    """Run ``flask doctor --json`` as an operator does.  ``before`` is put in front of the command."""
    began = time.monotonic()
    done = subprocess.run(
        [*before, sys.executable, "-m", "flask", "doctor", "--json", *words],
        cwd=ROOT,
        env=stack.env | settings,
        capture_output=True,
        text=True,
        timeout=60,
    )
    took_s = time.monotonic() - began
    assert done.returncode in (0, 1) and done.stdout.startswith("{"), done.stdout + done.stderr
    assert "Traceback" not in done.stdout + done.stderr
    found = json.loads(done.stdout)
    assert set(found) == {"ok", "findings"}
    assert all(set(one) == {"level", "check", "what", "do"} for one in found["findings"])
    return Report(done.returncode, found["ok"], found["findings"], took_s)


@pytest.fixture
def quiet(database_url: str, valkey: Valkey, tmp_path: Path) -> Iterator[Stack]:
    """An installation; a test starts the processes that it needs."""
    data_dir = tmp_path / "data"
    data_dir.mkdir(mode=0o700)
    stack = Stack(data_dir, database_url, valkey.url)
    yield stack
    stack.close()


def test_a_healthy_installation_has_no_error_and_writes_nothing(stack: Stack) -> None:
    stack.wait_for(lambda: stack.rows("SELECT 1 FROM milestone WHERE name = 'scheduler'"))
    before = {path: path.stat().st_mtime_ns for path in stack.data_dir.rglob("*.env")}
    report = doctor(stack)
    levels = {one["check"]: one["level"] for one in report.findings}
    assert (report.code, "error" in levels.values()) == (0, False), report.problems()
    assert (levels["worker"], levels["scheduler"], levels["broker memory"]) == ("ok", "ok", "ok")
    assert {path: path.stat().st_mtime_ns for path in stack.data_dir.rglob("*.env")} == before
    text = stack.flask("doctor").splitlines()
    assert len(text) == len(report.findings)
    assert [line.split()[0] for line in text] == [one["level"].upper() for one in report.findings]


@POSTGRES
def test_the_database_is_stopped(quiet: Stack, postgres_server: PostgresServer) -> None:
    postgres_server.stop()
    report = doctor(quiet)
    report.named("database", "error", "does not respond", "refused", "Start the database")
    assert [check for check in report.problems() if check in ("events", "migrations")] == []


@POSTGRES
def test_the_database_is_read_only(quiet: Stack, postgres_server: PostgresServer) -> None:
    name = quiet.database_url.rsplit("/", 1)[1]
    postgres_server.run(f'ALTER DATABASE "{name}" SET default_transaction_read_only = on')
    line = doctor(quiet).named("events", "error", "read-only", "DATABASE_URL")
    assert "cannot execute" in line  # the driver's own words


@contextmanager
def small_disk(folder: Path, size: str, owner: int | None) -> Iterator[Path]:
    """A file system of its own with this size, if this machine lets us mount one."""
    folder.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", f"size={size},mode=0700", "tmpfs", str(folder)]
    if os.getuid() != 0 or subprocess.run(mount, capture_output=True).returncode != 0:
        pytest.skip("This machine does not allow a test to mount a file system.")
    try:
        if owner is not None:
            os.chown(folder, owner, -1)
        yield folder
    finally:
        subprocess.run(["umount", "-l", str(folder)], check=True)


def fill(folder: Path) -> None:
    """Leave no space on this disk."""
    with (folder / "filler").open("wb", buffering=0) as filler, pytest.raises(OSError):
        while True:
            filler.write(bytes(1024))


@POSTGRES
def test_the_disk_of_the_database_is_full(
    quiet: Stack, postgres_server: PostgresServer, work_dir: Path
) -> None:
    name = quiet.database_url.rsplit("/", 1)[1]
    quiet.make_source()
    quiet.engine.dispose()
    with small_disk(work_dir / "small", "24M", postgres_server.user) as folder:
        postgres_server.run(f"CREATE TABLESPACE small LOCATION '{folder}'")
        try:
            postgres_server.run(f'ALTER DATABASE "{name}" SET TABLESPACE small')
            fill(folder)
            # the pages that are there take some rows, then the table must grow
            with pytest.raises(Exception, match="No space left"):
                quiet.change(
                    "INSERT INTO event (source_id, signing_key_id, event_id, event_type, site, address,"
                    " payload, body_sha256, search_text) SELECT s.id, k.id, 'e' || n, 'x', 'https://x',"
                    " '', repeat('x', 1500), '\\x00', '' FROM source s, signing_key k,"
                    " generate_series(1, 3000) n"
                )
            line = doctor(quiet).named("events", "error", "no disk space", "Free space")
            assert "No space left on device" in line
        finally:
            quiet.engine.dispose()
            postgres_server.drop_database(name)
            postgres_server.run("DROP TABLESPACE small")


def test_the_broker_is_stopped(quiet: Stack, valkey: Valkey) -> None:
    valkey.stop()
    report = doctor(quiet)
    report.named("broker", "error", "does not answer", "Start the broker")
    assert "worker" not in report.problems()


def test_the_broker_is_full_and_no_worker_is_blamed(quiet: Stack, valkey: Valkey) -> None:
    client = Redis.from_url(valkey.url)
    try:
        client.config_set("maxmemory", "1mb")
        report = doctor(quiet)
        report.named("broker memory", "error", "memory is full", "Raise maxmemory")
        assert "worker" not in report.problems()
    finally:
        client.config_set("maxmemory", "0")
        client.close()


def test_the_worker_is_killed(stack: Stack, valkey: Valkey) -> None:
    client = Redis.from_url(valkey.url)
    wait_for(lambda: client.keys("relay:heartbeat:worker:*"))
    assert "worker" not in doctor(stack).problems()
    stack.kill("worker")
    wait_for(lambda: not client.keys("relay:heartbeat:worker:*"), 30)
    client.close()
    doctor(stack).named("worker", "warning", "nothing is delivered", "Start a worker")


def test_the_scheduler_is_stopped(stack: Stack, valkey: Valkey) -> None:
    client = Redis.from_url(valkey.url)
    wait_for(lambda: client.keys("relay:heartbeat:scheduler:*"))
    stack.signal("scheduler", signal.SIGSTOP)
    try:
        wait_for(lambda: not client.keys("relay:heartbeat:scheduler:*"), 30)
        doctor(stack).named("scheduler", "warning", "No scheduler", "Start a scheduler")
    finally:
        stack.signal("scheduler", signal.SIGCONT)
        client.close()


@POSTGRES
def test_the_scheduler_hangs_though_its_process_runs(stack: Stack) -> None:
    mark = "SELECT at FROM milestone WHERE name = 'scheduler'"
    stack.wait_for(lambda: stack.rows(mark))
    with stack.engine.begin() as blocker:
        blocker.exec_driver_sql("LOCK TABLE replay IN ACCESS EXCLUSIVE MODE")
        waits = "SELECT 1 FROM pg_locks WHERE NOT granted AND relation = 'replay'::regclass"
        stack.wait_for(lambda: stack.rows(waits), 30, "the scheduler to wait for the lock")
        stack.change("UPDATE milestone SET at = at - interval '2 minutes' WHERE name = 'scheduler'")
        doctor(stack).named("scheduler", "error", "has done no work", "Restart it")
    before = stack.rows(mark)
    stack.wait_for(lambda: stack.rows(mark) != before, 30)
    assert "scheduler" not in doctor(stack).problems()


def test_the_encryption_key_is_wrong(quiet: Stack) -> None:
    quiet.make_source()
    report = doctor(quiet, RELAY_ENCRYPTION_KEYS=Fernet.generate_key().decode())
    line = report.named(
        "encryption key", "error", "RELAY_ENCRYPTION_KEYS cannot decrypt", "Restore"
    )
    assert "key_" in line  # which one


def test_the_vault_is_stopped_sealed_or_has_no_such_secret(
    quiet: Stack, sink: Sink, openbao: OpenBao
) -> None:
    openbao.store("kv", "relay", token="a-very-secret-value")
    for name in ("Sales", "Support"):
        quiet.flask(
            *("destinations", "create", "webhook", name, "--set", f"url={sink.url}/in"),
            *("--set", "auth=bearer", "--secret", "token=vault:kv/relay#token"),
        )
    check = "secret references"
    report = doctor(quiet, **openbao.env())
    assert (check in report.problems(), "vault" in report.problems()) == (False, False)
    doctor(quiet, **openbao.env(VAULT_TOKEN="old")).named(
        "vault", "error", "does not accept the token of VAULT_TOKEN"
    )
    openbao.call("DELETE", "kv/metadata/relay")
    doctor(quiet, **openbao.env()).named(check, "error", "no secret at kv/relay", "Sales")
    openbao.seal()
    doctor(quiet, **openbao.env()).named("vault", "error", "is sealed", "unseal")
    openbao.kill()
    report = doctor(quiet, **openbao.env())
    report.named("vault", "error", "does not answer", openbao.url, "VAULT_ADDR")
    assert check not in report.problems()
    assert "a-very-secret-value" not in json.dumps(report.findings)


def test_secrets_from_the_environment_and_from_files_are_read(
    quiet: Stack, sink: Sink, tmp_path: Path
) -> None:
    file = tmp_path / "token"
    file.write_text("a-very-secret-value")
    for name, reference in (("Sales", "env:SALES_TOKEN"), ("Support", f"file:{file}")):
        quiet.flask(
            *("destinations", "create", "webhook", name, "--set", f"url={sink.url}/in"),
            *("--set", "auth=bearer", "--secret", f"token={reference}"),
        )
    allowed = {"RELAY_SECRET_FILES_DIR": str(tmp_path), "RELAY_SECRET_ENV_PREFIX": "SALES_"}
    fine = doctor(quiet, SALES_TOKEN="another-secret-value", **allowed)
    assert "secret references" not in fine.problems()
    assert "secret-value" not in json.dumps(fine.findings)
    line = doctor(quiet, **allowed).named(
        "secret references", "error", "Sales", "SALES_TOKEN", "not set"
    )
    assert "Support" not in line
    file.unlink()
    doctor(quiet, SALES_TOKEN="x", **allowed).named(
        "secret references", "error", "Support", str(file)
    )
    off = " ".join(one["what"] for one in doctor(quiet, SALES_TOKEN="x").findings)
    assert "RELAY_SECRET_ENV_PREFIX" in off and "RELAY_SECRET_FILES_DIR" in off


def test_the_disk_is_full(database_url: str, valkey: Valkey, tmp_path: Path) -> None:
    with small_disk(tmp_path / "full", "1M", None) as folder:
        stack = Stack(folder / "data", database_url, valkey.url)
        try:
            (folder / "data").chmod(0o700)
            doctor(stack)  # what it needs is there
            fill(folder)
            doctor(stack).named("disk", "error", "0 KiB are free", "Free disk space")
        finally:
            stack.close()


@POSTGRES
def test_the_clock_is_wrong(quiet: Stack) -> None:
    assert shutil.which("faketime"), "scripts/install-test-deps.sh installs it"
    far = doctor(quiet, before=("faketime", "--exclude-monotonic", "-f", "+300s"))
    far.named("clock", "error", "ahead of the database's", "NTP")
    near = doctor(quiet, before=("faketime", "--exclude-monotonic", "-f", "-20s"))
    near.named("clock", "warning", "behind the database's", "NTP")


def test_the_clock_is_compared_with_another_server_if_one_is_named(
    stack: Stack,
) -> None:
    url = f"{stack.url}/healthz"
    check = "clock of another server"
    assert check not in {one["check"] for one in doctor(stack).findings}
    fine = doctor(stack, "--clock-url", url)
    assert {one["check"]: one["level"] for one in fine.findings}[check] == "ok"
    ahead = ("faketime", "--exclude-monotonic", "-f", "+300s")
    doctor(stack, before=ahead, RELAY_CLOCK_URL=url).named(check, "error", "s ahead of", "NTP")
    assert check not in doctor(stack, "--offline", RELAY_CLOCK_URL=url).problems()


def test_permissions_are_open(quiet: Stack, tmp_path: Path) -> None:
    keys, backup = quiet.data_dir / "secrets.env", quiet.data_dir / "monday.backup"
    key_file = tmp_path / "key"
    for path in (keys, backup, key_file):
        path.touch(mode=0o600)
    key_file.write_text(quiet.env["SECRET_KEY"])
    settings = {"SECRET_KEY_FILE": str(key_file), "SECRET_KEY": ""}
    assert "permissions" not in doctor(quiet, **settings).problems()
    keys.chmod(0o644)
    doctor(quiet).named("permissions", "error", f"chmod 600 {keys}")
    keys.chmod(0o600)
    backup.chmod(0o640)
    doctor(quiet).named("permissions", "warning", f"chmod 600 {backup}")
    backup.chmod(0o600)
    key_file.chmod(0o644)
    doctor(quiet, **settings).named("permissions", "warning", "SECRET_KEY_FILE", "chmod 600")
    quiet.data_dir.chmod(0o755)
    doctor(quiet).named("data directory", "warning", f"chmod 700 {quiet.data_dir}")
    if quiet.database_url.startswith("sqlite"):
        file = Path(quiet.database_url.removeprefix("sqlite:///"))
        file.chmod(0o644)
        doctor(quiet).named("permissions", "warning", f"chmod 600 {file}")


def test_the_migrations_are_behind(quiet: Stack) -> None:
    quiet.flask("db", "downgrade", "--", "-1")
    report = doctor(quiet)
    report.named("migrations", "error", "this version of Relay needs", "flask db upgrade")
    assert "events" not in report.problems()
    quiet.flask("db", "upgrade")
    assert "migrations" not in doctor(quiet).problems()


def test_the_public_url_and_the_proxies(stack: Stack, sink: Sink) -> None:
    def levels(**settings: str) -> dict[str, str]:
        found = doctor(stack, **settings).findings
        return {one["check"]: one["level"] for one in found}

    found = levels(RELAY_PUBLIC_URL=stack.url)
    assert (found["public URL"], found["proxies"]) == ("ok", "ok")
    report = doctor(stack, RELAY_PUBLIC_URL=stack.url, RELAY_TRUSTED_PROXIES="1")
    report.named("proxies", "warning", "RELAY_TRUSTED_PROXIES=0", "a sender can choose")
    other = doctor(stack, RELAY_PUBLIC_URL=sink.url)
    other.named("public URL", "warning", "does not lead to this Relay")
    strange = doctor(stack, RELAY_PUBLIC_URL=stack.url, SECRET_KEY="another-" * 6)
    strange.named("public URL", "warning", "does not lead to this Relay", "SECRET_KEY")
    nothing = doctor(stack, RELAY_PUBLIC_URL=f"http://127.0.0.1:{free_port()}")
    nothing.named("public URL", "warning", "does not answer")
    assert levels(RELAY_PUBLIC_URL=sink.url)["public URL"] == "warning"
    quietly = doctor(stack, "--offline", RELAY_PUBLIC_URL=sink.url)
    assert "public URL" not in quietly.problems()


def test_everything_is_unreachable(
    quiet: Stack, valkey: Valkey, postgres_server: PostgresServer
) -> None:
    """A server that accepts connections and never answers is the slowest to find out about."""
    valkey.stop()
    with socket.create_server(("127.0.0.1", 0)) as silent:
        port = silent.getsockname()[1]
        report = doctor(
            quiet,
            DATABASE_URL=f"postgresql://relay@127.0.0.1:{port}/relay",
            REDIS_URL=f"redis://127.0.0.1:{port}",
            RELAY_PUBLIC_URL=f"http://127.0.0.1:{port}",
            RELAY_CLOCK_URL=f"http://127.0.0.1:{port}",
        )
    assert report.took_s < LIMIT_S + START_S, report.took_s
    problems = report.problems()
    assert {"database", "broker", "public URL", "clock of another server"} <= problems.keys()
    assert "1 worker" not in json.dumps(report.findings)
