"""Every page is accessible (WCAG 2.2 AA, by axe) in light, in dark and on a phone, and is valid HTML.

axe and html-validate come from ``tests/wordpress/node_modules``.
"""

from __future__ import annotations

import json
import subprocess
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Page

from tests.support.browser import Console
from tests.support.fake_openai import FakeOpenAI
from tests.support.sample import fill, pages, sign_in
from tests.support.sink import Sink
from tests.support.stack import Stack

pytestmark = pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)

ROOT = Path(__file__).resolve().parents[2]
PACKAGES = ROOT / "tests/wordpress/node_modules"
STANDARD = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa"]
# A contrast that axe does not decide on, such as that of one character, counts if it computed the ratio.
RUN = """async (options) => {
  const results = await axe.run(document, options);
  const isLow = (one) => one.data?.contrastRatio > 0 && one.data.contrastRatio < parseFloat(one.data.expectedContrastRatio);
  const low = results.incomplete
    .filter((found) => found.id === "color-contrast")
    .map((found) => ({ ...found, nodes: found.nodes.filter((node) => node.any.some(isLow)) }));
  return results.violations.concat(low).flatMap(
    (found) => found.nodes.map((node) => `${found.id}: ${node.target.join(" ")} (${node.any.concat(node.all).map((one) => one.message).join(" ")})`));
}"""
# What can differ on a phone, where the HTML is the same.
BY_LAYOUT = ("target-size", "color-contrast", "link-in-text-block", "scrollable-region-focusable")
SIGNED_OUT = {"sign-in": "/sign-in", "forgotten-password": "/forgotten-password"}


def violations(page: Page, options: dict[str, Any]) -> list[str]:
    if not page.evaluate("typeof axe === 'object'"):
        page.evaluate((PACKAGES / "axe-core/axe.min.js").read_text(encoding="utf-8"))
    found: list[str] = page.evaluate(RUN, options)
    return found


def check(page: Page, url: str, name: str, folder: Path) -> list[str]:
    """What is wrong with a page; its HTML is stored in ``folder``."""
    full = {"runOnly": STANDARD}
    page.set_viewport_size({"width": 1280, "height": 900})
    page.emulate_media(color_scheme="light", reduced_motion="reduce")
    response = page.goto(url)
    assert response is not None
    (folder / f"{name}.html").write_text(response.text(), encoding="utf-8")
    found = [f"{name}, desktop: {one}" for one in violations(page, full)]
    page.set_viewport_size({"width": 390, "height": 860})
    found += [f"{name}, phone: {one}" for one in violations(page, rules(*BY_LAYOUT))]
    too_wide = "document.documentElement.scrollWidth - document.documentElement.clientWidth"
    if (width := page.evaluate(too_wide)) > 0:
        found.append(f"{name}, phone: {width} px wider than the screen")
    page.evaluate("document.documentElement.dataset.bsTheme = 'dark'")
    return found + [f"{name}, dark: {one}" for one in violations(page, rules("color-contrast"))]


def rules(*names: str) -> dict[str, Any]:
    return {"runOnly": {"type": "rule", "values": names}}


@pytest.mark.timeout(600)
def test_every_page_is_accessible_and_valid(
    stack: Stack, sink: Sink, page: Page, console: Console, tmp_path: Path
) -> None:
    console.allow("status of 404")
    fill(stack, sink, FakeOpenAI())
    found: list[str] = []
    for name, path in SIGNED_OUT.items():
        found += check(page, stack.url + path, name, tmp_path)
    sign_in(page, stack.url)
    for name, path in pages(stack).items():
        found += check(page, stack.url + path, name, tmp_path)
    found += html_errors(tmp_path)
    assert not found, "\n".join(found)


def html_errors(folder: Path) -> list[str]:
    (folder / ".htmlvalidate.json").write_text(json.dumps(HTML_RULES), encoding="utf-8")
    # To a file: Node.js exits before it has written all of its output to a pipe.
    report_file = folder / "report.json"
    with report_file.open("w") as output:
        command = [PACKAGES / ".bin/html-validate", "--formatter", "json", f"{folder}/*.html"]
        subprocess.run(command, cwd=folder, stdout=output)
    return [
        f"{Path(report['filePath']).stem}:{one['line']}: {one['ruleId']}: {one['message']}"
        for report in json.loads(report_file.read_text(encoding="utf-8"))
        for one in report["messages"]
    ]


HTML_RULES = {
    "root": True,
    "extends": ["html-validate:standard"],
    "rules": {
        "doctype-style": "off",
        "no-trailing-whitespace": "off",
        "void-style": "off",
        "no-inline-style": "error",
    },
}
