"""Write the software bill of materials (CycloneDX, JSON): Python packages and browser assets.

The Python part comes from cyclonedx-py and requirements.txt, the browser assets from package-lock.json.
"""

from __future__ import annotations

import base64
import json
import subprocess
import sys
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parent.parent


def python_part() -> dict[str, Any]:
    tool = Path(sys.executable).with_name("cyclonedx-py")
    words = ("requirements", "--pyproject", "pyproject.toml", "--output-reproducible")
    done = subprocess.run(
        [tool, *words, "requirements.txt"], cwd=ROOT, check=True, capture_output=True, text=True
    )
    found: dict[str, Any] = json.loads(done.stdout)
    return found


def browser_assets() -> list[dict[str, Any]]:
    lock = json.loads((ROOT / "package-lock.json").read_text(encoding="utf-8"))
    return [
        component(path.rpartition("node_modules/")[2], package)
        for path, package in sorted(lock["packages"].items())
        if path
    ]


def component(name: str, package: dict[str, Any]) -> dict[str, Any]:
    url = f"pkg:npm/{name.replace('@', '%40', 1)}@{package['version']}"
    algorithm, _, digest = package["integrity"].partition("-")
    return {
        "type": "library",
        "bom-ref": url,
        "name": name,
        "version": package["version"],
        "purl": url,
        "hashes": [
            {
                "alg": algorithm.upper().replace("SHA", "SHA-"),
                "content": base64.b64decode(digest).hex(),
            }
        ],
    }


def main() -> None:
    bill = python_part()
    bill["components"] = [*bill.get("components", []), *browser_assets()]
    target = ROOT / "dist/relay.cdx.json"
    target.parent.mkdir(exist_ok=True)
    target.write_text(json.dumps(bill, indent=2) + "\n", encoding="utf-8")
    print(f"Wrote {target.relative_to(ROOT)}: {len(bill['components'])} components.")


if __name__ == "__main__":
    main()
