"""Check what Prometheus and Grafana read from Relay, with promtool.

The exposition of a running Relay without data, with difficult label values, and after a kill; the rules
with their tests and the example configuration in ``ops/prometheus``; the dashboard in ``ops/grafana``.
"""

from __future__ import annotations

import json
import re
import subprocess
import sys
import tempfile
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))
OPS = ROOT / "ops"
DESTINATION = 'A "quoted" \\ name\nin two lines'
PREPARE = f"""
from relay.models import db, Destination
db.session.add(Destination(kind="inbox", name={DESTINATION!r}, config={{}}))
db.session.commit()
"""


def promtool(*words: str, text: str = "") -> None:
    done = subprocess.run(["promtool", *words], input=text, capture_output=True, text=True)
    if done.returncode:
        sys.exit(f"promtool {' '.join(words)} failed:\n{done.stdout}{done.stderr}{text[:20000]}")


def scrapes(folder: Path) -> Iterator[str]:
    """The expositions of a web process: new, with data, and after it was killed."""
    from tests.support.events import comment
    from tests.support.stack import Stack

    stack = Stack(folder, f"sqlite:///{folder / 'relay.db'}", "redis://127.0.0.1:1")
    try:
        stack.flask("db", "upgrade")
        stack.start("web")
        yield stack.http.get(f"{stack.url}/metrics").text
        stack.python(PREPARE)
        secret = stack.make_source().secret
        stack.send(comment(), secret)
        stack.send(comment(), "wrong" * 10)
        with_data = stack.http.get(f"{stack.url}/metrics").text
        assert 'destination="A \\"quoted\\" \\\\ name\\nin two lines"' in with_data, with_data
        assert "relay_events_accepted_total 1.0" in with_data, with_data
        yield with_data
        stack.kill("web")
        stack.start("web")
        again = stack.http.get(f"{stack.url}/metrics").text
        assert "relay_events_accepted_total 1.0" in again, again
        yield again
    finally:
        stack.close()


def names_in(exposition: str) -> set[str]:
    """The names that a query may use, from the TYPE lines."""
    names = set()
    for name, kind in re.findall(r"^# TYPE (\S+) (\S+)$", exposition, re.M):
        is_histogram = kind == "histogram"
        names |= {name + end for end in ("_bucket", "_sum", "_count")} if is_histogram else {name}
    return names


def check_expressions(where: str, expressions: Iterable[str], names: set[str]) -> None:
    rules = []
    for number, expression in enumerate(expressions):
        unknown = set(re.findall(r"\brelay_\w+", expression)) - names
        if unknown:
            sys.exit(f"{where}: /metrics has no {', '.join(sorted(unknown))}, used in {expression}")
        plain = expression.replace("$__rate_interval", "5m").replace("$job", "relay")
        rules.append({"record": f"panel:{number}", "expr": plain})
    with tempfile.NamedTemporaryFile("w", suffix=".yml") as file:
        json.dump({"groups": [{"name": "panels", "rules": rules}]}, file)  # JSON is YAML
        file.flush()
        promtool("check", "rules", file.name)


def check_dashboard(names: set[str]) -> None:
    sys.path.insert(0, str(OPS / "grafana"))
    import write_dashboard

    stored = (OPS / "grafana/relay.json").read_text(encoding="utf-8")
    if stored != write_dashboard.as_text():
        sys.exit(
            "ops/grafana/relay.json is not what its script writes: python ops/grafana/write_dashboard.py"
        )
    board: dict[str, Any] = json.loads(stored)
    assert isinstance(board["schemaVersion"], int)
    ids = [panel["id"] for panel in board["panels"]]
    assert len(set(ids)) == len(ids), "panels share an id"
    expressions = [target["expr"] for panel in board["panels"] for target in panel["targets"]]
    check_expressions("ops/grafana/relay.json", expressions, names)
    check_variables(board)


def check_variables(board: dict[str, Any]) -> None:
    """Every ``$name`` in a query is a variable of the dashboard or one of Grafana's."""
    known = {one["name"] for one in board["templating"]["list"]} | {"__rate_interval"}
    used = set(re.findall(r"\$\{?(\w+)", json.dumps(board["panels"])))
    assert used <= known, f"unknown variables: {used - known}"


def main() -> None:
    with tempfile.TemporaryDirectory(prefix="relay-", ignore_cleanup_errors=True) as name:
        for exposition in scrapes(Path(name)):
            promtool("check", "metrics", text=exposition)
    names = names_in(exposition)
    rules = (OPS / "prometheus/rules.yml").read_text(encoding="utf-8")
    unknown = set(re.findall(r"\brelay_\w+", rules)) - names
    if unknown:
        sys.exit(f"ops/prometheus/rules.yml: /metrics has no {', '.join(sorted(unknown))}")
    promtool("check", "rules", str(OPS / "prometheus/rules.yml"))
    promtool("test", "rules", str(OPS / "prometheus/rules_test.yml"))
    promtool("check", "config", str(OPS / "prometheus/prometheus.yml"))
    check_dashboard(names)
    print(f"Prometheus accepts the metrics ({len(names)} names), rules and dashboard.")


if __name__ == "__main__":
    main()
