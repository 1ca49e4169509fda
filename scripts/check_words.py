"""Find words that Relay's texts do not use, and suggest the word to write instead.

The check reads what a person reads: the text of templates, string literals, docstrings and comments
of Python and PHP, the docs, README, CHANGELOG and the plugin's readme.txt.  It leaves out code:
identifiers, literals without a space (codes, keys, paths), code blocks, CSS classes and URLs.  It
also leaves out the tests and this file, which has the words themselves.

    .venv/bin/python scripts/check_words.py             every file
    .venv/bin/python scripts/check_words.py docs relay/cli/keys.py
    .venv/bin/python scripts/check_words.py --counts    only the number of hits per file

It exits with 1 when it finds something.  ``words: allow`` in a comment excuses its line.
"""

from __future__ import annotations

import argparse
import io
import re
import subprocess
import sys
import tokenize
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

ROOT = Path(__file__).resolve().parent.parent
ALLOW = "words: allow"

# What must not appear → what to write.  A space in an expression also matches a line break.
# Each expression matches only the wrong meaning: "sign in" and "stands for" pass.  Upper and lower
# case are the same, except in (?-i: …), which matches labels of buttons and headings.
BANNED = {
    # wrong word for the thing
    r"(?:\b\d[\d,]*|\0|\b(?:no|of|last|first|four|five|many|most|without|holds|with)) signs?\b(?![-\s](?:in|up))"
    r"|\bsigns? of (?:ASCII|base64)\b|\b(?:a|the|one|each|every|country's) sign\b(?! of life|[-\s]in)"
    r"|\bsigns that\b": "characters",
    r"\bsigns? of life\b": "heartbeat",
    r"\bdoubles\b": "duplicates",
    r"\bdoubled\b": "duplicate, sent twice",
    r"\bblanks\b|\b(?:a|one|no) blank\b(?! (?:line|page))": "space(s)",
    r"\bdeeds?\b": "action",
    r"\bwish(?:es|ed|ing)?\b": "want, request, filter",
    r"\bweather\b": "quota",
    r"\bmend(?:s|ed|ing)?\b": "fix",
    r"\bpatience\b": "retry schedule",
    r"(?<!destinations\s)\bpaces?\b|\bpaced\b": "rate limit, rate",
    r"\bcrowds?\b": "backlog",
    r"(?<!make\s)\brooms?\b": "page, section, space",
    r"\bdoors?\b": "ingest",
    r"\bway (?:in|out)\b": "ingest, delivery",
    r"\bthe whole way\b": "end to end",
    r"\bon the way\b": "in progress, in transit",
    r"\bstrangers?\b": "unknown sender, someone else",
    r"\b(?:the|its|their|our|in|three) books\b|\bsums? and books\b": "ledger, records",
    r"(?<!dead\s)\b(?:that|which|this|each|every|these|those|open|of the) letters?\b(?! or\b| and\b)"
    r"": "failed delivery, dead letter",
    r"\blessons?\b|\bteach(?:es)?\b|\btaught\b|\blearn(?:s|ed|ing|t)?\b": "record, result",
    r"\btroubles?\b": "error, problem",
    r"\bremed(?:y|ies)\b": "advice",
    r"\bdemonstration\b": "demo",
    r"\bready-made\b": "default",
    r"\btyping mistakes?\b": "spelling, typo",
    r"(?-i:\bWhat it gets\b)": "Subscriptions",
    r"(?-i:\bLeave it\b)(?! as| empty| at| open| out)": "Cancel",
    r"(?-i:\bThat is the way\b)": "Save",
    # a person, unknown or not
    r"\bsomebody\b": "someone",
    r"\banybody\b": "anyone",
    r"\bnobody (?:that|who)\b|\b(?:for|from|by) nobody\b": "unknown, no one",
    r"\bhold(?:s|ing)? (?:\w+ )?nobody\b|\bnobody up\b|\bnobody's (?:place|fault|worry)\b": "does not block others",
    r"\bwhose\b(?! side)": "with, that has, of which",
    r"\bwhoever\b": "the operator, anyone who",
    r"\bguilty\b": "invalid, at fault",
    # verbs
    r"\b(?:told|tells?) (?:\w+ ){0,3}apart\b": "distinguish",
    r"\btold\b": "reported, shown, notified",
    r"\btells? (?:of|about|a whole|each step)\b": "report, show",
    r"\bput(?:s|ting)? (?:\w+ ){0,3}right\b(?! after| away| next)": "fix",
    r"\bwhole again\b": "resets",
    r"\b(?:is|are|was|were|be) gone\b": "no longer exists, was deleted",
    r"\b(?:is|are|was|were|be|broker|database|Redis) away\b(?! from)": "is unavailable, is down",
    r"\bcomes? to\b(?! (?:mind|life))|\bcame to\b": "results in, reaches",
    r"\b(?:came|come|comes|became|become|becomes) of\b": "happened to, result of",
    r"\bhurr(?:y|ies|ied)\b": "retry now",
    r"\bin hand\b|\bunder (?:\w+ )?(?:\w+'s )?hands\b|\bhands\b|\bhand(?:ed|ing)\b|\bhand over\b": "pass, send, in progress",
    r"\blook(?:s|ed|ing)? (?:after|whether)\b": "check, is responsible for",
    r"(?-i:\bLook again\b|\bLook at it first\b)|\blooked at first\b": "Refresh, Preview",
    r"\bstands?\b(?! (?:for|by|alone)\b)(?!-)": "is, is in",
    r"\bvanish(?:es|ed)?\b": "stop, crash",
    r"\bbur(?:y|ies|ied)\b": "move to dead letters",
    r"\b(?:take|takes|taken|swept|carried) (?:\w+ ){0,3}along\b": "affect, include",
    r"\btak(?:e|es|en) (?:it )?up again\b": "resume",
    r"\b(?:not(?:e|es|ed|ing)|writ(?:e|es|ten|ing)) (?:\w+ ){0,3}down\b": "record",
    r"\b(?:go|goes|went|send|sent) as one\b": "as a single message",
    r"\bshall\b": "must, should, will",
    r"\b(?:try|tries|tried|trying) again by itself\b|\bRelay tries again\b": "retry, Relay retries",
    r"\bcame out (?:empty|as)\b": "is empty, is",
    r"\bvouch(?:es)? for\b": "trust",
    r"\bleads? nowhere\b": "does not exist",
    r"\btoo much to do\b": "overloaded",
    r"\bmake room\b": "free space",
    r"\bsp(?:eaks?|oken) (?:like|the same)\b": "is compatible",
    # adverbs and connectives
    r"\banew\b": "again",
    r"\bbesides\b": "also, in addition",
    r"\bfor ever\b": "forever, permanently",
    r"\bis no news\b": "is expected",
    r"\bof then\b|\bof now\b": "at that time, current",
    r"\bdearest\b": "most expensive",
    r"\bgone without\b": "skipped",
    r"\bfor good\b(?! (?:reasons?|measure)\b)": "permanently",
    r"\bone a (?:line|day|second|minute|cause)\b": "one per …",
}  # fmt: skip
PATTERNS = [
    (re.compile(expression.replace(" ", r"\s+"), re.IGNORECASE), use)
    for expression, use in BANNED.items()
]

SHOWN_ATTRIBUTES = "title|alt|placeholder|label|aria-label|hx-confirm|content"
JINJA = re.compile(r"\{\{.*?\}\}|\{%.*?%\}", re.DOTALL)
QUOTED = re.compile(r"\"([^\"]*)\"|'([^']*)'", re.DOTALL)
TAG = re.compile(r"<[a-zA-Z/!][^>]*>", re.DOTALL)
ATTRIBUTE = re.compile(rf"\s(?:{SHOWN_ATTRIBUTES})=\"([^\"]*)\"")
PHP = re.compile(
    r"(?P<comment>/\*.*?\*/|(?://|#)(?!\[)[^\n]*)"
    r"|'(?P<single>(?:[^'\\]|\\.)*)'|\"(?P<double>(?:[^\"\\]|\\.)*)\"",
    re.DOTALL,
)
MARKDOWN_CODE = re.compile(
    r"^```.*?^```|(?<=\n\n)(?:    [^\n]*\n+)+|`[^`]*`|\]\([^)\s]*\)", re.DOTALL | re.MULTILINE
)
PLACEHOLDER = re.compile(r"\{[^{}\n]*\}|%(?:\d\$)?[sd]")

Span = tuple[int, int]


class Hit(NamedTuple):
    path: str
    line: int
    found: str
    instead: str


def is_text(literal: str) -> bool:
    """Whether a literal is a text for a person, and not a code, a key or a path."""
    return bool(re.search(r"\w\s|\s\w", literal) or re.fullmatch(r"[A-Z][a-z]+", literal))


def only(text: str, spans: Iterator[Span]) -> str:
    """``text`` with spaces in place of everything outside ``spans``; line breaks stay."""
    result = [c if c == "\n" else " " for c in text]
    for start, end in spans:
        result[start:end] = text[start:end]
    return "".join(result)


def blank(match: re.Match[str]) -> str:
    return re.sub(r"[^\n]", " ", match[0])


def python_spans(text: str) -> Iterator[Span]:
    """String literals that are texts, docstrings and comments."""
    starts = [0]
    for line in io.StringIO(text):
        starts.append(starts[-1] + len(line))
    middle = getattr(tokenize, "FSTRING_MIDDLE", None)  # Python 3.12 splits f-strings
    continues = False  # a literal that follows a text is part of it
    for token in tokenize.generate_tokens(io.StringIO(text).readline):
        start = starts[token.start[0] - 1] + token.start[1]
        end = starts[token.end[0] - 1] + token.end[1]
        if token.type in (tokenize.COMMENT, middle):
            yield start, end
        elif token.type == tokenize.STRING:
            prefix, quote, body = re.split(r"(\"\"\"|'''|\"|')", token.string, maxsplit=1)
            is_expression = "r" in prefix.lower() and len(quote) == 1
            inner = body[: -len(quote)]
            continues = not is_expression and (continues or is_text(inner))
            if continues:
                start += len(prefix) + len(quote)
                yield start, start + len(inner)
        elif token.type != tokenize.NL:
            continues = False


def php_spans(text: str) -> Iterator[Span]:
    """String literals that are texts, and comments."""
    for match in PHP.finditer(text):
        group = match.lastgroup or ""
        if group == "comment" or is_text(match[group]):
            yield match.span(group)


def template_spans(text: str) -> Iterator[Span]:
    """Text between tags, attributes that are shown, and literals within Jinja that are texts."""
    plain = JINJA.sub(blank, text)
    at = 0
    for tag in TAG.finditer(plain):
        yield from _outside_jinja(text, at, tag.start())
        for attribute in ATTRIBUTE.finditer(tag[0]):
            start, end = attribute.span(1)
            yield from _outside_jinja(text, tag.start() + start, tag.start() + end)
        at = tag.end()
    yield from _outside_jinja(text, at, len(text))
    for code in JINJA.finditer(text):
        for literal in QUOTED.finditer(code[0]):
            if is_text(literal[literal.lastindex or 0]):
                start, end = literal.span(literal.lastindex or 0)
                yield code.start() + start, code.start() + end


def _outside_jinja(text: str, start: int, end: int) -> Iterator[Span]:
    at = start
    for code in JINJA.finditer(text, start, end):
        yield at, code.start()
        at = code.end()
    yield at, end


def readable(name: str, text: str) -> str:
    """``text`` with spaces in place of everything that a person does not read."""
    if name.endswith(".py"):
        text = only(text, python_spans(text))
    elif name.endswith(".php"):
        text = only(text, php_spans(text))
    elif name.endswith(".html"):
        text = only(text, template_spans(text))
    else:
        return MARKDOWN_CODE.sub(blank, text)
    text = re.sub(r"``?[^`\n]*``?", blank, text)  # code in a docstring or a comment
    text = re.sub(r"https?://[^\s)\"']+", blank, text)
    return PLACEHOLDER.sub(lambda match: "\0" * len(match[0]), text)


def check(name: str, text: str) -> Iterator[Hit]:
    """The hits of one file, in order."""
    shown, lines = readable(name, text), text.split("\n")
    found = [(match, use) for pattern, use in PATTERNS for match in pattern.finditer(shown)]
    for match, use in sorted(found, key=lambda pair: pair[0].start()):
        line = shown.count("\n", 0, match.start()) + 1
        if ALLOW not in lines[line - 1]:
            word = " ".join(match[0].replace("\0", " ").split())
            yield Hit(name, line, word, use)


def files(chosen: list[str]) -> list[str]:
    """The checked files under ``chosen`` paths, or all."""
    patterns = (
        "relay/*.html",
        "relay/*.py",
        "scripts/*.py",
        "bench/*.py",
        "migrations/*.py",
        "config.py",
        "wsgi.py",
        "*.md",
        "wp-plugin/*.php",
        "*/readme.txt",
    )
    listed = subprocess.run(
        ["git", "ls-files", "--cached", "--others", "--exclude-standard", "--", *patterns],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=True,
    ).stdout.splitlines()
    roots = [Path(path).absolute() for path in chosen] or [ROOT]
    return sorted(
        name
        for name in set(listed) - {"scripts/check_words.py"}
        if (path := ROOT / name).exists() and any(path.is_relative_to(root) for root in roots)
    )


def main() -> None:
    parser = argparse.ArgumentParser(description="Find words that Relay's texts do not use.")
    parser.add_argument("paths", nargs="*", help="files or folders; all by default")
    parser.add_argument("--counts", action="store_true", help="print the hits per file only")
    chosen = parser.parse_args()
    names = files(chosen.paths)
    hits = [hit for name in names for hit in check(name, (ROOT / name).read_text("utf-8"))]
    if chosen.counts:
        for name, count in Counter(hit.path for hit in hits).most_common():
            print(f"{count:5} {name}")
    else:
        for hit in hits:
            print(f'{hit.path}:{hit.line}: "{hit.found}" → write "{hit.instead}"')
    print(f"{len(names)} files checked, {len(hits)} words to replace.")
    sys.exit(bool(hits))


if __name__ == "__main__":
    main()
