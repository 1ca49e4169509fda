"""Check that the OpenAPI document is valid, links in the docs work and the table of refusals is current.

With ``--write`` the table of refusals in ``docs/api.md`` is written from ``relay/ingest/refusals.py``.
"""

from __future__ import annotations

import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import unquote

from markdown_it import MarkdownIt
from markdown_it.token import Token
from openapi_spec_validator import OpenAPIV31SpecValidator

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))


def pages() -> list[Path]:
    kept = subprocess.run(
        ["git", "ls-files", "*.md"], cwd=ROOT, capture_output=True, text=True, check=True
    )
    return [ROOT / name for name in kept.stdout.split()]


def _inner(tokens: list[Token]) -> Iterator[Token]:
    for token in tokens:
        yield token
        yield from _inner(token.children or [])


def links(text: str) -> Iterator[str]:
    for token in _inner(MarkdownIt("commonmark").enable("table").parse(text)):
        address = token.attrGet("href") or token.attrGet("src")
        if address:
            yield str(address)


def anchors(text: str) -> set[str]:
    """The names by which the headings of a page can be linked to."""
    tokens = MarkdownIt("commonmark").parse(text)
    titles = [tokens[i + 1].content for i, one in enumerate(tokens) if one.type == "heading_open"]
    return {re.sub(r"[^\w\- ]", "", title.lower()).strip().replace(" ", "-") for title in titles}


def dead_links() -> Iterator[str]:
    for page in pages():
        for address in links(page.read_text(encoding="utf-8")):
            if re.match(r"[a-z]+:", address):
                continue
            path, _, anchor = unquote(address).partition("#")
            target = (page.parent / path).resolve() if path else page
            if not target.exists():
                yield f"{page.relative_to(ROOT)}: {address} leads nowhere"
            elif anchor and anchor not in anchors(target.read_text(encoding="utf-8")):
                yield f"{page.relative_to(ROOT)}: {address} has no such heading"


def wrong_openapi() -> Iterator[str]:
    from relay.api import openapi

    document: Any = openapi.document()
    for error in OpenAPIV31SpecValidator(document).iter_errors():
        yield f"OpenAPI: {'/'.join(map(str, error.path))}: {error.message}"


def refusal_table() -> str:
    """The refusals of the ingest endpoints as a Markdown table, by status."""
    from relay.ingest.refusals import RefusalCode
    from relay.web.framing import FRAMING_ERRORS

    lines = [
        (row.status, f"`{row.error}`", f"`{row.reason or row.error}`", row.when, _wait(row))
        for row in (code.value for code in RefusalCode)
    ]
    lines += [
        (
            status,
            f"`{row.error}`",
            "",
            f"{row.when} The web server answers this for every path.",
            "",
        )
        for status, row in FRAMING_ERRORS.items()
        if status < 500
    ]
    head = ("Status", "`error`", "Reason", "When", "`Retry-After`")
    table = [head, ("---",) * len(head), *sorted(lines, key=lambda line: line[0])]
    return "".join(f"| {' | '.join(map(str, line))} |\n" for line in table)


def _wait(row: Any) -> str:
    return "" if row.retry_after_s is None else f"up to {row.retry_after_s} s"


def stale_table(write: bool) -> Iterator[str]:
    page = ROOT / "docs" / "api.md"
    text = page.read_text(encoding="utf-8")
    before, begin, rest = text.partition("<!-- refusals -->\n")
    _, end, after = rest.partition("<!-- /refusals -->\n")
    current = before + begin + refusal_table() + end + after
    if write:
        page.write_text(current, encoding="utf-8")
    elif current != text:
        yield "docs/api.md: the table of refusals is out of date. Run scripts/check_docs.py --write"


def main() -> None:
    faults = [*stale_table("--write" in sys.argv), *dead_links(), *wrong_openapi()]
    for line in faults:
        print(line)
    print(f"{len(pages())} pages and the OpenAPI document checked, {len(faults)} faults.")
    sys.exit(bool(faults))


if __name__ == "__main__":
    main()
