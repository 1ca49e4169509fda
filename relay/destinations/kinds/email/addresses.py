"""E-mail addresses: parsed from what people write, and written so that every mail server reads them.

Sources: RFC 5322 section 3.4 (a display name, quoted if it has a comma), RFC 5321 sections 4.1.2 and
4.5.3.1 (the syntax and length of an address), RFC 5890 (domains outside ASCII).
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from email.headerregistry import Address

import idna

from relay.i18n import _

ATOM = r"[A-Za-z0-9!#$%&'*+/=?^_`{|}~-]+"
LOCAL = re.compile(rf"(?=.{{1,64}}\Z){ATOM}(\.{ATOM})*")
LABEL = r"[A-Za-z0-9]([A-Za-z0-9-]{0,61}[A-Za-z0-9])?"
DOMAIN = re.compile(rf"(?=.{{1,255}}\Z){LABEL}(\.{LABEL})*")
NAMED = re.compile(r"(?P<name>[^<>]*)<(?P<address>[^<>]*)>")
CONTROL = re.compile(r"[\x00-\x1f\x7f\u2028\u2029]")
MAX_NAME = 200


def parse_addresses(text: str) -> tuple[Address, ...]:
    """Addresses that are separated by commas, semicolons or lines.  Raises ValueError with a sentence.

    A comma within a name is kept, also if the name is not quoted: ``Muster, Anna <shop@example.com>``.
    """
    return tuple(parse_address(part) for part in _parts(text))


def parse_address(text: str) -> Address:
    """One address, as ``a@example.com``, ``Name <a@example.com>`` or ``"Name" <a@example.com>``.

    A domain outside ASCII is written as mail servers know it.  Raises ValueError with a sentence.
    """
    text = text.strip()
    named = NAMED.fullmatch(text)
    name, address = (named["name"], named["address"]) if named else ("", text)
    local, at, domain = address.strip().rpartition("@")
    wrong = _("%(text)s is not an e-mail address such as team@example.com.", text=text[:100])
    if not at or CONTROL.search(text) or len(name) > MAX_NAME:
        raise ValueError(wrong)
    if not local.isascii():
        raise ValueError(
            _(
                "%(text)s has characters before the @ that mail servers do not accept. Use another address.",
                text=text[:100],
            )
        )
    domain = _ascii(domain)
    if not LOCAL.fullmatch(local) or not DOMAIN.fullmatch(domain):
        raise ValueError(wrong)
    return Address(_unquoted(name), local, domain)


def _ascii(domain: str) -> str:
    """The domain in ASCII; unchanged if it cannot be written so."""
    if domain.isascii():
        return domain
    try:
        return idna.encode(domain, uts46=True).decode()
    except idna.IDNAError:
        return domain


def _unquoted(name: str) -> str:
    name = name.strip()
    if len(name) > 1 and name[0] == name[-1] == '"':
        name = re.sub(r"\\(.)", r"\1", name[1:-1])
    return " ".join(name.replace('"', "").split())


def _parts(text: str) -> Iterator[str]:
    """The single addresses.  A part without an @ belongs to the next one: it is half of a name."""
    name = ""
    for part in _split(text):
        name = f"{name}, {part}" if name else part
        if "@" in part:
            yield name
            name = ""
    if name:
        yield name


def _split(text: str) -> list[str]:
    """The parts between separators that are not in quotes or angle brackets."""
    parts, in_quotes, escaped = [""], False, False
    for c in text:
        if c == '"' and not escaped:
            in_quotes = not in_quotes
        escaped = c == "\\" and not escaped
        if c in ",;\n" and not in_quotes:
            parts.append("")
        else:
            parts[-1] += c
    if in_quotes:  # a quote that is not closed would hide the rest
        parts = re.split(r"[,;\n]", text.replace('"', ""))
    return [part.strip() for part in parts if part.strip()]
