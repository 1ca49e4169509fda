"""The OpenAPI document is valid, and every link of README and docs leads somewhere."""

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


def main() -> None:
    faults = [*dead_links(), *wrong_openapi()]
    for line in faults:
        print(line)
    print(f"{len(pages())} pages and the OpenAPI document checked, {len(faults)} faults.")
    sys.exit(bool(faults))


if __name__ == "__main__":
    main()
