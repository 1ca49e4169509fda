"""Check the files of ``deploy/`` with the tools that will read them.

The Dockerfile with hadolint, compose.yaml with the schema of the Compose specification, the units with
``systemd-analyze``, the chart with Helm's engine and the schemas of Kubernetes, and the samples with nginx,
Caddy and logrotate.  Prints one line for each error and exits with 1.
"""

from __future__ import annotations

import json
import re
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from importlib.resources import files
from pathlib import Path
from typing import Any

import helm_python
import kubernetes_validate
import yaml
from jsonschema import Draft202012Validator

ROOT = Path(__file__).resolve().parent.parent
BIN = Path(sys.executable).parent
SYSTEM = "/usr/sbin:/usr/bin:/sbin:/bin:/usr/local/sbin:/usr/local/bin"
# The exposure that systemd-analyze may find, in tenths: 0 is none, 100 is a service without any limit.
EXPOSURE = 15
KUBERNETES = ("1.27", "1.37")  # the oldest and the newest version that is checked
EVERYTHING = {
    "backup": {"enabled": True},
    "ingress": {"enabled": True},
    "serviceMonitor": {"enabled": True, "labels": {"release": "prometheus"}},
    "networkPolicy": {"ingressNamespaces": {"kubernetes.io/metadata.name": "ingress-nginx"}},
    "settings": {"RELAY_RETENTION_DAYS": "60"},
    "image": {"digest": f"sha256:{'0' * 64}", "pullSecrets": [{"name": "registry"}]},
}
NOT_IN_KUBERNETES = {"ServiceMonitor"}  # of the Prometheus Operator


def run(*words: str | Path) -> tuple[int, str]:
    done = subprocess.run(
        list(map(str, words)),
        capture_output=True,
        text=True,
        stdin=subprocess.DEVNULL,
        env={"PATH": SYSTEM, "HOME": "/nonexistent", "RELAY_PUBLIC_URL": "https://relay.example"},
    )
    return done.returncode, done.stdout + done.stderr


def program(name: str) -> str:
    found = shutil.which(name, path=SYSTEM)
    if not found:
        sys.exit(f"{name} is not installed. Run: scripts/install-test-deps.sh check")
    return found


# ---- containers ----------------------------------------------------------------------------------


def dockerfile(folder: Path) -> Iterator[str]:
    code, said = run(BIN / "hadolint", "--no-color", folder / "Dockerfile")
    if code:
        yield said
    text = (folder / "Dockerfile").read_text(encoding="utf-8")
    stages = re.split(r"(?m)^FROM ", text)[1:]
    last = re.sub(r"\\\n", " ", stages[-1])
    rules = {
        "two stages": len(stages) == 2,
        "a base with its exact version": re.search(r"(?m)^ARG BASE=python:\d+\.\d+\.\d+-", text),
        "a user other than root": re.search(r"(?m)^USER [1-9]\d*:[1-9]\d*$", last),
        "a health check": re.search(r"(?m)^HEALTHCHECK .*CMD \[", last),
        "packages with hashes": "pip install --require-hashes" in stages[0],
    }
    yield from (f"Dockerfile: it must have {rule}" for rule, holds in rules.items() if not holds)


def compose(folder: Path) -> Iterator[str]:
    path = folder / "compose.yaml"
    found = yaml.safe_load(path.read_text(encoding="utf-8"))
    schema = files("check_jsonschema") / "builtin_schemas" / "vendor" / "compose-spec.json"
    checker = Draft202012Validator(json.loads(schema.read_text(encoding="utf-8")))
    if errors := list(checker.iter_errors(found)):
        yield from (
            f"compose.yaml: {'/'.join(map(str, e.path))}: {e.message[:300]}" for e in errors
        )
        return
    services = found["services"]
    for name, service in services.items():
        for other in [*service.get("depends_on", {})]:
            if other not in services:
                yield f"compose.yaml: {name} depends on {other}, which is not a service"
        image = str(service["image"])
        if not image.startswith("relay:") and not re.fullmatch(
            r"[a-z/]+:\d+(\.\d+)+(-\w+)?", image
        ):
            yield f"compose.yaml: {name} uses {image}, which is not an exact version"
        if image.startswith("relay:") and not (
            service.get("read_only") and service.get("cap_drop") == ["ALL"]
        ):
            yield f"compose.yaml: {name} must have a read-only root and no capability"
    broker = " ".join(services["valkey"]["command"])
    if "--maxmemory-policy noeviction" not in broker or "--appendonly yes" not in broker:
        yield "compose.yaml: valkey must have noeviction and an append-only file"


# ---- systemd -------------------------------------------------------------------------------------


def units(folder: Path) -> Iterator[str]:
    tool = program("systemd-analyze")
    with tempfile.TemporaryDirectory(prefix="relay-units-") as name:
        copies = Path(name)
        for path in sorted((folder / "systemd").glob("relay-*.*")):
            # what is not installed here must exist for the check
            text = path.read_text(encoding="utf-8").replace("/opt/relay/.venv/bin/", "/usr/bin/")
            text = re.sub(r"/usr/bin/(python|flask|dramatiq)\b", "/usr/bin/env", text)
            (copies / path.name).write_text(text, encoding="utf-8")
        made = sorted(copies.iterdir())
        _, said = run(tool, "verify", "--man=no", *made)
        # it also names what is wrong with the units of this host
        yield from (line for line in said.splitlines() if "relay" in line)
        for path in made:
            if path.suffix == ".service":
                threshold = f"--threshold={EXPOSURE}"
                code, said = run(tool, "security", "--offline=yes", "--no-pager", threshold, path)
                if code:
                    yield f"{path.name}: {said.strip().splitlines()[-1]}; at most {EXPOSURE / 10}"
        for path in made:
            if path.suffix == ".timer":
                (when,) = re.findall(r"(?m)^OnCalendar=(.+)$", path.read_text(encoding="utf-8"))
                code, said = run(tool, "calendar", when)
                if code:
                    yield f"{path.name}: {said}"


# ---- Kubernetes ----------------------------------------------------------------------------------


def chart(folder: Path) -> Iterator[str]:
    path = folder / "helm" / "relay"
    for message in helm_python.lint(str(path))["messages"]:
        if message["severity"] > 1:
            yield f"helm lint: {message['path']}: {message['error']}"
    for values in ({}, EVERYTHING):
        try:
            with helm_python.Chart.load(str(path)) as loaded:
                loaded.validate_schema(values)
                rendered = loaded.render(values, name="relay", namespace="relay")
        except helm_python.HelmError as exc:
            yield f"helm template: {exc}"
            return
        for name, text in rendered.items():
            if name.endswith(".yaml"):
                yield from manifests(name, text)


def manifests(name: str, text: str) -> Iterator[str]:
    for manifest in yaml.safe_load_all(text):
        if not manifest or manifest["kind"] in NOT_IN_KUBERNETES:
            continue
        for version in KUBERNETES:
            try:
                kubernetes_validate.validate(manifest, version, strict=True)
            except kubernetes_validate.ValidationError as exc:
                where = "/".join(map(str, exc.path))
                yield f"{name}, Kubernetes {version}: {where}: {exc.message[:300]}"
        yield from pod_rules(name, manifest)


def pod_rules(name: str, manifest: dict[str, Any]) -> Iterator[str]:
    """Every container is as limited as the restricted Pod Security Standard asks."""
    spec = manifest.get("spec", {})
    spec = spec.get("jobTemplate", manifest).get("spec", {}).get("template", {}).get("spec")
    if spec is None:
        return
    if not spec["securityContext"].get("runAsNonRoot"):
        yield f"{name}: it may run as root"
    for container in spec["containers"]:
        context = container["securityContext"]
        limits = (
            context.get("readOnlyRootFilesystem"),
            context.get("allowPrivilegeEscalation") is False,
            context.get("capabilities") == {"drop": ["ALL"]},
            container["resources"].get("limits", {}).get("memory"),
        )
        if not all(limits):
            yield f"{name}: the container {container['name']} has a missing limit"


# ---- proxies and logs ----------------------------------------------------------------------------


def nginx(folder: Path) -> Iterator[str]:
    with tempfile.TemporaryDirectory(prefix="relay-nginx-") as name:
        scratch = Path(name)
        key, certificate = scratch / "key.pem", scratch / "certificate.pem"
        words = ("req", "-x509", "-newkey", "rsa:2048", "-nodes", "-subj", "/CN=relay.example.com")
        run(program("openssl"), *words, "-keyout", key, "-out", certificate)
        for path in sorted((folder / "nginx").glob("*.conf")):
            text = path.read_text(encoding="utf-8")
            text = re.sub(r"/etc/letsencrypt/\S+/fullchain\.pem", str(certificate), text)
            text = re.sub(r"/etc/letsencrypt/\S+/privkey\.pem", str(key), text)
            (scratch / "one.conf").write_text(text, encoding="utf-8")
            main = f"pid {name}/pid;\nevents {{}}\nhttp {{\naccess_log off;\ninclude {name}/one.conf;\n}}\n"
            (scratch / "nginx.conf").write_text(main, encoding="utf-8")
            code, said = run(
                program("nginx"), "-t", "-e", f"{name}/log", "-p", name, "-c", f"{name}/nginx.conf"
            )
            if code:
                yield f"nginx/{path.name}: {said}"


def caddy(folder: Path) -> Iterator[str]:
    for path in sorted((folder / "caddy").iterdir()):
        code, said = run(program("caddy"), "validate", "--adapter", "caddyfile", "--config", path)
        if code:
            yield f"caddy/{path.name}: {said.strip().splitlines()[-1]}"
        elif "input is not formatted" in said:
            yield f"caddy/{path.name}: run caddy fmt --overwrite on it"


def logrotate(folder: Path) -> Iterator[str]:
    with tempfile.TemporaryDirectory(prefix="relay-logrotate-") as name:
        copy = Path(name) / "relay"
        text = (folder / "logrotate" / "relay").read_text(encoding="utf-8")
        copy.write_text(text.replace("su relay relay", "su root root"), encoding="utf-8")
        copy.chmod(0o644)
        code, said = run(program("logrotate"), "--debug", copy)
        if code or "error:" in said:
            yield f"logrotate/relay: {said}"


CHECKS = (dockerfile, compose, units, chart, nginx, caddy, logrotate)


def main() -> None:
    errors = [error.strip() for check in CHECKS for error in check(ROOT / "deploy")]
    for error in errors:
        print(error)
    print(f"Checked deploy/: {len(errors)} errors.")
    sys.exit(bool(errors))


if __name__ == "__main__":
    main()
