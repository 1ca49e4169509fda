"""The HTML version of a mail: the same text and links, in one narrow column.

Mail programs read inline styles and tables reliably, and little else.  Those that have a dark theme
read its colors.
Source: https://www.caniemail.com
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from html import escape

from relay.destinations.links import Link

URL = re.compile(r"https?://[^\s<>\"|\\^`{}\x00-\x1f\x7f]+")
TRAILING = ".,;:!?)]'"
FONT = "font-family:-apple-system,'Segoe UI',Roboto,Helvetica,Arial,sans-serif"
PARAGRAPH = "margin:0 0 16px;font-size:16px;line-height:24px"
QUOTE = "margin:0 0 16px;padding:0 0 0 12px;border-left:3px solid #cbd5e1;font-size:16px;line-height:24px"
LINK = "color:#1d4ed8;text-decoration:underline"

PAGE = """<!DOCTYPE html>
<html>
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<title>{subject}</title>
<style>
@media (prefers-color-scheme: dark) {{
.page {{ background-color: #0f172a !important }}
.card {{ background-color: #1e293b !important; border-color: #334155 !important }}
.text {{ color: #e2e8f0 !important }}
.links {{ color: #94a3b8 !important; border-color: #334155 !important }}
a {{ color: #93c5fd !important }}
}}
</style>
</head>
<body class="page" style="margin:0;padding:0;background-color:#f1f5f9">
<table class="page" role="presentation" width="100%" cellpadding="0" cellspacing="0" \
style="background-color:#f1f5f9">
<tr><td align="center" style="padding:24px 12px">
<table class="card" role="presentation" width="100%" cellpadding="0" cellspacing="0" \
style="max-width:600px;background-color:#ffffff;border:1px solid #e2e8f0;border-radius:8px">
<tr><td class="text" style="padding:24px;{font};color:#1e293b;text-align:left;overflow-wrap:anywhere">
<h1 style="margin:0 0 16px;font-size:20px;line-height:28px;font-weight:600">{subject}</h1>
{text}
{links}</td></tr>
</table>
</td></tr>
</table>
</body>
</html>
"""


def page(subject: str, text: str, links: Sequence[Link]) -> str:
    """The whole document.  Nothing of the text is read as HTML; its URLs become links."""
    shown = " &nbsp;·&nbsp; ".join(_link(link.url, link.label) for link in links)
    below = (
        f'<p class="links" style="margin:24px 0 0;padding:16px 0 0;border-top:1px solid #e2e8f0;font-size:14px;'
        f'line-height:20px;color:#475569">{shown}</p>\n'
    )
    return PAGE.format(
        subject=escape(subject),
        font=FONT,
        text="\n".join(_paragraph(one) for one in re.split(r"\n\s*\n", text.strip())),
        links=below if links else "",
    )


def _paragraph(text: str) -> str:
    lines = text.split("\n")
    is_quote = all(line.startswith(">") for line in lines)
    if is_quote:
        lines = [line.removeprefix(">").removeprefix(" ") for line in lines]
    shown = "<br>\n".join(_linked(line) for line in lines)
    if is_quote:
        return f'<blockquote style="{QUOTE}">{shown}</blockquote>'
    return f'<p style="{PARAGRAPH}">{shown}</p>'


def _linked(line: str) -> str:
    """One line, escaped, with its URLs as links."""
    shown, end = "", 0
    for found in URL.finditer(line):
        url = found[0].rstrip(TRAILING)
        shown += escape(line[end : found.start()]) + _link(url, url)
        end = found.start() + len(url)
    return shown + escape(line[end:])


def _link(url: str, words: str) -> str:
    return f'<a href="{escape(url)}" style="{LINK}">{escape(words)}</a>'
