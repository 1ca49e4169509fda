"""The PHP tests, and whether the gateway accepts every event that they sent."""

import json
import re
import subprocess
from pathlib import Path

import pytest

from relay.event_types import EVENT_TYPES, TEST
from relay.ingest.schemas import load_event
from relay.ingest.strict_json import loads
from tests.wordpress.site import LAB

ON_BOTH = True
TESTS = Path(__file__).with_name("phpunit")
TYPES = {name for name, found in EVENT_TYPES.items() if not found.internal} - {TEST}
PLUGINS = {"contact-form-7", "wpforms", "gravityforms", "ninja-forms", "fluentform", "formidable", "elementor-pro", "jetpack",
           "forminator", "sureforms", "ws-form", "everest-forms", "metform", "mailpoet", "kadence-blocks", "divi", "bricks",
           "other"}  # fmt: skip


@pytest.fixture(scope="module")
def run(wordpress_server, tmp_path_factory):
    """PHPUnit's report and the bodies that were sent."""
    events = tmp_path_factory.mktemp("phpunit") / "events"
    done = subprocess.run(
        ["php", "-d", "memory_limit=512M", str(LAB / "phpunit.php"), str(wordpress_server.document_root),
         f"127.0.0.1:{wordpress_server.port}", str(TESTS), str(events), "--no-configuration", "--no-interaction",
         "--fail-on-warning", "--fail-on-risky", "--do-not-cache-result"],
        capture_output=True, text=True, timeout=300,
    )  # fmt: skip
    return done, events.read_bytes().splitlines() if events.exists() else []


def test_phpunit_passes(run):
    done, _ = run
    assert done.returncode == 0, done.stdout[-8000:] + done.stderr[-2000:]
    count = re.search(r"OK \((\d+) tests", done.stdout)
    assert count and int(count[1]) >= 100, done.stdout[-500:]


def test_the_gateway_accepts_every_event_that_the_php_tests_sent(run):
    _, bodies = run
    seen, plugins = set(), set()
    for body in bodies:
        event = json.loads(body)
        if event["event"].startswith("relay."):
            continue
        assert len(body) < 262144
        seen.add(load_event(loads(body), body, event["event_id"]).event_type)
        plugins.add(event["data"].get("form", {}).get("plugin"))
    assert seen >= TYPES
    assert plugins >= PLUGINS
