"""Check that the OpenAPI document is valid, links in the docs work and the tables of docs/api.md are current.

With ``--write`` these tables are written from ``relay/ingest/refusals.py`` and ``relay/api/v1/``.
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
    listed = subprocess.run(
        ["git", "ls-files", "*.md"], cwd=ROOT, capture_output=True, text=True, check=True
    )
    return [ROOT / name for name in listed.stdout.split()]


def _with_children(tokens: list[Token]) -> Iterator[Token]:
    for token in tokens:
        yield token
        yield from _with_children(token.children or [])


def links(text: str) -> Iterator[str]:
    for token in _with_children(MarkdownIt("commonmark").enable("table").parse(text)):
        address = token.attrGet("href") or token.attrGet("src")
        if address:
            yield str(address)


def anchors(text: str) -> set[str]:
    """The anchors of a page's headings, as GitHub makes them."""
    tokens = MarkdownIt("commonmark").parse(text)
    titles = [
        tokens[n + 1].content for n, token in enumerate(tokens) if token.type == "heading_open"
    ]
    return {re.sub(r"[^\w\- ]", "", title.lower()).strip().replace(" ", "-") for title in titles}


def dead_links() -> Iterator[str]:
    for page in pages():
        for address in links(page.read_text(encoding="utf-8")):
            if re.match(r"[a-z]+:", address):
                continue
            path, _, anchor = unquote(address).partition("#")
            target = (page.parent / path).resolve() if path else page
            if not target.exists():
                yield f"{page.relative_to(ROOT)}: {address} does not exist"
            elif anchor and anchor not in anchors(target.read_text(encoding="utf-8")):
                yield f"{page.relative_to(ROOT)}: {address} names a heading that does not exist"


def openapi_errors() -> Iterator[str]:
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
    return as_markdown(table)


def as_markdown(table: list[tuple[Any, ...]]) -> str:
    return "".join(f"| {' | '.join(map(str, line))} |\n" for line in table)


def api_errors_table() -> str:
    """The errors of the operator API."""
    from relay.api.v1.document import WHEN
    from relay.api.v1.errors import CODES

    rows = [(status, f"`{CODES[status]}`", when) for status, when in WHEN.items()]
    return as_markdown([("status", "`code`", "when"), ("---",) * 3, *rows])


def api_operations_table() -> str:
    """The operations of the operator API."""
    from relay.api import v1

    rows = [
        (
            f"`{one.method} {one.template}`",
            f"{one.role}{'' if one.limited else ' ¹'}",
            one.summary,
        )
        for one in v1.operations()
    ]
    return as_markdown([("request", "role", "what it does"), ("---",) * 3, *rows])


TABLES = {
    "refusals": refusal_table,
    "api errors": api_errors_table,
    "api operations": api_operations_table,
}


def _wait(row: Any) -> str:
    return "" if row.retry_after_s is None else f"up to {row.retry_after_s} s"


def stale_tables(write: bool) -> Iterator[str]:
    page = ROOT / "docs" / "api.md"
    text = page.read_text(encoding="utf-8")
    for name, table in TABLES.items():
        before, begin, rest = text.partition(f"<!-- {name} -->\n")
        _, end, after = rest.partition(f"<!-- /{name} -->\n")
        current = before + begin + table() + end + after
        if write:
            page.write_text(current, encoding="utf-8")
        elif current != text:
            yield f"docs/api.md: the table of {name} is out of date. Run scripts/check_docs.py --write"
        text = current


def main() -> None:
    errors = [*stale_tables("--write" in sys.argv), *dead_links(), *openapi_errors()]
    for line in errors:
        print(line)
    print(f"Checked {len(pages())} pages and the OpenAPI document: {len(errors)} errors.")
    sys.exit(bool(errors))


if __name__ == "__main__":
    main()
