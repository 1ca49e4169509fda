"""Find text that a person reads and that is not translated, and errors in the translations.

    .venv/bin/python scripts/check_translations.py                     every file and language
    .venv/bin/python scripts/check_translations.py relay/templates/ai  only text of these files
    .venv/bin/python scripts/check_translations.py --update            bring messages.po up to date

Text of templates is between tags, in attributes such as ``title`` and in strings that begin as a
sentence does.  Text of Python is a string that begins with a capital letter and has a space.  Both
must be inside ``_()``, ``N_()``, ``ngettext()``, ``pgettext()`` or ``{% trans %}``.  ``i18n: keep`` in a comment
excuses its line, ``i18n: keep file`` its file: that text stays English.
"""

from __future__ import annotations

import argparse
import ast
import contextlib
import io
import re
import sys
import tokenize
from collections.abc import Iterator
from pathlib import Path

from babel.messages import pofile
from babel.messages.catalog import Catalog
from babel.messages.extract import extract_from_dir
from jinja2 import Environment
from jinja2.ext import i18n as jinja_i18n

ROOT = Path(__file__).resolve().parent.parent
FOLDER = ROOT / "relay" / "translations"
KEYWORDS = {
    "_": None,
    "N_": None,
    "gettext": None,
    "gettext_noop": None,
    "ngettext": (1, 2),
    "pgettext": ((1, "c"), 2),
}
METHODS = [("**.py", "python"), ("templates/**.html", "jinja2")]
OPTIONS = {
    "templates/**.html": {
        "trimmed": "true",
        "newstyle_gettext": "true",
        "extensions": "webassets.ext.jinja2.AssetsExtension",
        "silent": "false",  # a template that cannot be parsed is an error, not one without texts
    }
}
KEEP, KEEP_FILE = "i18n: keep", "i18n: keep file"

# What people read in pages and mails.  Commands, the API, logs and the ingest endpoint are English.
READ = ("dashboard", "services", "destinations", "rules", "mapping", "delivery", "secrets")
READ_FILES = ("event_types.py", "errors.py", "networks.py", "email_digests.py")
HEADER = """\
msgid ""
msgstr ""
"Project-Id-Version: Relay\\n"
"Language: {code}\\n"
"Plural-Forms: {plural}\\n"
"MIME-Version: 1.0\\n"
"Content-Type: text/plain; charset=utf-8\\n"
"Content-Transfer-Encoding: 8bit\\n"

"""
ATTRIBUTES = re.compile(
    r"""\s(?:title|placeholder|alt|label|aria-label|aria-description|aria-roledescription|data-confirm)="([^"]*)\""""
)
LETTERS = re.compile(r"[^\W\d_]{2,}")
SILENT = re.compile(r"<(code|kbd|pre|script|style|svg)\b.*?</\1>|<!--.*?-->", re.S)
NAMES = re.compile(  # the same in every language
    r"\b(?:Relay|HubSpot|Slack|WordPress|WooCommerce|Zapier|HTTP|HTTPS|URL|URLs|JSON|CSV|IP|ID|UTC|API|CIDR|AI"
    r"|OIDC|PDF|SMTP|TLS|PHP|GET|POST|KiB|MiB|GiB|min|ms|kB|MB)\b|&\w+;"
)
SENTENCE = re.compile(r"[A-Z][a-z’']+(?:[ ,]|[.?!…]$|$)|.*[a-z] [a-z].*[.?!]$")
SQL = re.compile(r"(?:SELECT|UPDATE|DELETE|INSERT|CREATE|ALTER|WITH|SET|DROP)\b")
PLACEHOLDER = re.compile(r"%\((\w+)\)[sd]|%%|\{(\w*)\}")


# ---- text that is not translated -----------------------------------------------------------------


def untranslated_in_template(source: str) -> Iterator[tuple[int, str]]:
    """(line, text) of what no translation covers."""
    environment = Environment(extensions=[jinja_i18n], autoescape=True)
    tokens = [t for t in environment.lex(source) if t[1] not in ("whitespace",)]
    text: list[str] = []  # the page with code replaced, line breaks kept
    inside, at = False, 1
    for n, (line, kind, value) in enumerate(tokens):
        text.append("\n" * (line - at))  # line breaks that a minus sign in a tag removes
        at = line + value.count("\n")
        if kind == "block_begin":
            name = tokens[n + 1][2]
            inside = name == "trans" or (inside and name != "endtrans")
        if kind in ("data", "raw_begin", "raw_end") and kind == "data":
            text.append(re.sub(r"[^\n]", " ", value) if inside else value)
            continue
        text.append("\0" + "\n" * value.count("\n"))
        if kind == "string" and not inside and SENTENCE.match(value[1:-1]):
            before = tokens[:n]
            while before and before[-1][1] == "string":  # parts of one text
                before.pop()
            if not _is_wrapped([t[2] for t in before[-3:]]):
                yield line, value[1:-1]
    page = SILENT.sub(lambda m: "\n" * m[0].count("\n"), "".join(text))
    for number, shown in _texts_of(page):
        if LETTERS.search(NAMES.sub("", shown)):
            yield number, " ".join(shown.replace("\0", "…").split())


def _is_wrapped(before: list[str]) -> bool:
    is_first = len(before) > 1 and before[-1] == "(" and before[-2] in KEYWORDS
    return is_first or (len(before) == 3 and before[2] == "," and "(" in before[0])


def _texts_of(page: str) -> Iterator[tuple[int, str]]:
    for tag in re.finditer(r"<[^>]*>", page):
        for attribute in ATTRIBUTES.finditer(tag[0]):
            yield page.count("\n", 0, tag.start() + attribute.start(1)) + 1, attribute[1]
    at = 0
    for tag in re.finditer(r"<[^>]*>|\Z", page):
        shown = page[at : tag.start()]
        if shown.strip() and '="' not in shown:  # else a macro that writes attributes
            lead = len(shown) - len(shown.lstrip())
            yield page.count("\n", 0, at + lead) + 1, shown.strip()
        at = tag.end()


class Strings(ast.NodeVisitor):
    """Collects the strings that look like text for people, outside of the calls that translate."""

    SKIPPED = frozenset(KEYWORDS) | {"log", "text", "getLogger", "cast", "compile", "event"}

    def __init__(self) -> None:
        self.found: list[tuple[int, str]] = []

    def visit_Call(self, node: ast.Call) -> None:
        name = getattr(node.func, "id", getattr(node.func, "attr", ""))
        if name not in self.SKIPPED:
            self.generic_visit(node)

    def visit_Expr(self, node: ast.Expr) -> None:
        if not isinstance(node.value, ast.Constant):  # else a docstring
            self.generic_visit(node)

    def visit_Raise(self, node: ast.Raise) -> None:
        name = getattr(getattr(node.exc, "func", None), "id", "")
        if name not in ("ValueError", "TypeError", "RuntimeError", "AssertionError", "LookupError"):
            self.generic_visit(node)

    def visit_JoinedStr(self, node: ast.JoinedStr) -> None:
        parts = [v.value if isinstance(v, ast.Constant) else "…" for v in node.values]
        self._see(node.lineno, "".join(map(str, parts)))
        for value in node.values:
            if isinstance(value, ast.FormattedValue):
                self.visit(value.value)

    def visit_Constant(self, node: ast.Constant) -> None:
        if isinstance(node.value, str):
            self._see(node.lineno, node.value)

    def _see(self, line: int, value: str) -> None:
        is_sentence = re.match(r"[A-Z…][\w’'…-]* \S", value) and not value.isupper()
        if is_sentence and LETTERS.search(value) and not SQL.match(value):
            self.found.append((line, " ".join(value.split())))


def kept_lines(source: str) -> set[int]:
    tokens = tokenize.generate_tokens(io.StringIO(source).readline)
    return {t.start[0] for t in tokens if t.type == tokenize.COMMENT and KEEP in t.string}


def untranslated_in_python(source: str) -> Iterator[tuple[int, str]]:
    strings = Strings()
    strings.visit(ast.parse(source))
    kept = kept_lines(source)
    yield from (hit for hit in strings.found if hit[0] not in kept)


def untranslated(path: Path) -> Iterator[tuple[int, str]]:
    source = path.read_text("utf-8")
    if KEEP_FILE in source:
        return
    if path.suffix == ".py":
        yield from untranslated_in_python(source)
        return
    lines = source.splitlines()
    for line, text in untranslated_in_template(source):
        if KEEP not in lines[line - 1]:
            yield line, text


def files(paths: list[str]) -> Iterator[Path]:
    """The files with text for people among ``paths``; all if there are none."""
    relay = ROOT / "relay"
    wanted = [Path(path).resolve() for path in paths]
    places = [relay / "templates", *(relay / name for name in (*READ, *READ_FILES))]
    for place in places:
        found = [place] if place.is_file() else sorted(place.rglob("*"))
        for file in found:
            is_text = file.suffix in (".py", ".html")
            if is_text and (not wanted or any(file == w or w in file.parents for w in wanted)):
                yield file


# ---- the translations ----------------------------------------------------------------------------


def extracted() -> Catalog:
    catalog = Catalog(project="Relay", charset="utf-8")
    found = extract_from_dir(
        ROOT / "relay", METHODS, OPTIONS, KEYWORDS, comment_tags=("Translators:",)
    )
    with contextlib.redirect_stderr(io.StringIO()):  # Babel warns of f-strings among the values
        for name, line, message, comments, context in found:
            places = [(f"relay/{name}", line)]
            catalog.add(message, None, places, auto_comments=comments, context=context)
    return catalog


def catalog_of(code: str) -> Catalog:
    """The translations of a language, of all files in its folder."""
    whole = Catalog(locale=code)
    for path in sorted((FOLDER / code / "LC_MESSAGES").glob("*.po")):
        with path.open("rb") as file:
            for message in pofile.read_po(file, locale=code):
                if message.id and message.string and not whole.get(message.id, message.context):
                    whole[message.id] = message
    return whole


def faults_of(code: str, wanted: Catalog) -> Iterator[str]:
    whole = catalog_of(code)
    for message in wanted:
        if not message.id:
            continue
        mine = whole.get(message.id, message.context)
        name = repr(message.id if isinstance(message.id, str) else message.id[0])
        place = ":".join(map(str, message.locations[0]))
        texts = (
            (mine.string,)
            if mine and isinstance(mine.string, str)
            else (mine.string if mine else ())
        )
        if not texts or not all(texts):
            yield f"{place}: {code} has no translation of {name}"
            continue
        if mine is not None and mine.fuzzy:
            yield f"{place}: {code} has no checked translation of {name}"
        ids = (message.id,) if isinstance(message.id, str) else message.id
        allowed = {frozenset(placeholders(one)) for one in ids}
        if any(frozenset(placeholders(one)) not in allowed for one in texts):
            yield f"{place}: {code} has other placeholders for {name}"


def placeholders(text: str) -> list[str]:
    return [match[0] for match in PLACEHOLDER.finditer(text)]


def lone_percent(wanted: Catalog) -> Iterator[str]:
    """A message of a template is always formatted, so a percent sign in it is ``%%``."""
    for message in wanted:
        in_template = any(str(path).endswith(".html") for path, _ in message.locations)
        ids = (message.id,) if isinstance(message.id, str) else message.id
        if in_template and any("%" in PLACEHOLDER.sub("", one) for one in ids):
            yield f"{':'.join(map(str, message.locations[0]))}: write %% for a percent sign: {ids[0]!r}"


def update(code: str) -> None:
    """Write the language's one file: every message, in the order of the files, and nothing else."""
    wanted, whole = extracted(), catalog_of(code)
    result = Catalog(locale=code, project="Relay", charset="utf-8", fuzzy=False)
    for message in wanted:
        if message.id:
            mine = whole.get(message.id, message.context)
            string = mine.string if mine else ("", "") if message.pluralizable else ""
            places = sorted({(str(path), 0) for path, _ in message.locations})
            result.add(message.id, string, places, context=message.context)
    folder = FOLDER / code / "LC_MESSAGES"
    for path in folder.glob("*.po"):
        path.unlink()
    with (folder / "messages.po").open("wb") as file:
        file.write(HEADER.format(code=code, plural=result.plural_forms).encode())
        pofile.write_po(file, result, width=100, omit_header=True, include_lineno=False)


def main() -> int:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("paths", nargs="*", help="files and folders; the default is all of relay/")
    parser.add_argument("--update", action="store_true", help="bring messages.po up to date")
    args = parser.parse_args()
    codes = sorted(path.name for path in FOLDER.iterdir() if path.is_dir())
    if args.update:
        for code in codes:
            update(code)
    faults = [
        f"{path.relative_to(ROOT)}:{line}: {text[:100]}"
        for path in files(args.paths)
        for line, text in untranslated(path)
    ]
    wanted = extracted()
    faults += lone_percent(wanted)
    if not args.paths:
        faults += [fault for code in codes for fault in faults_of(code, wanted)]
    print("\n".join([*faults, f"{len(faults)} texts to translate."]))
    return 1 if faults else 0


if __name__ == "__main__":
    sys.exit(main())
