"""Reads numbers, dates, answers and addresses as people write them.  Pure: standard library only.

What can be read in two ways is not guessed: the site's locale or the currency decides, else the
ValueError says why the value is unclear.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime, time
from functools import lru_cache
from typing import Any

from relay.exact_json import PlainDecimal
from relay.i18n import N_, _
from relay.mapping.operators import NO, YES

Number = int | PlainDecimal


@dataclass(frozen=True)
class InputFormat:
    """How values were written: the site's locale, such as ``de_DE``, and the currency of the event.

    ``by_person`` is true for a field of a form, where ``1.234`` may mean a thousand.  A program
    writes a decimal point.
    """

    locale: str = ""
    currency: str = ""
    by_person: bool = False

    @property
    def language(self) -> str:
        return re.split(r"[_-]", self.locale.lower())[0]

    @property
    def region(self) -> str:
        return "".join(re.split(r"[_-]", self.locale.upper())[1:2])


BY_A_PROGRAM = InputFormat()


def format_of(scope: Mapping[str, Any], path: object = ()) -> InputFormat:
    """The format of the value at ``path`` in an event."""
    data = scope.get("data")
    data = data if isinstance(data, Mapping) else {}
    locale, currency = scope.get("locale") or data.get("locale"), data.get("currency")
    return InputFormat(
        locale if isinstance(locale, str) else "",
        currency if isinstance(currency, str) else "",
        by_person=isinstance(path, list | tuple) and list(path[:2]) == ["data", "fields"],
    )


# ---- numbers -------------------------------------------------------------------------------------

DECIMAL_COMMA = frozenset(
    "de fr es it nl pl pt sv da nb nn no fi cs sk hu ro bg ru uk el tr hr sl sr lt lv et id vi is ca gl "
    "eu af".split()
)
DECIMAL_POINT = frozenset("en ja zh ko he th ms hi bn ur fa cy ga".split())
POINT_REGIONS = frozenset("CH LI MX US PR GT HN NI PA PE SV DO".split())  # in spite of the language
THREE_DECIMALS = frozenset("BHD IQD JOD KWD LYD OMR TND".split())
CODES = (
    "AED ARS AUD BGN BRL CAD CHF CLP CNY COP CZK DKK EGP EUR GBP HKD HRK HUF IDR ILS INR ISK JPY KRW "
    "MAD MXN MYR NOK NZD PEN PHP PLN RON RSD RUB SAR SEK SGD THB TND TRY TWD UAH USD VND ZAR KWD BHD "
    "OMR JOD"
).split()
MARK = rf"({'|'.join(CODES)}|R\$|US\$|kr\.?|zł|Kč|Ft|lei|Fr\.?|[$€£¥₩₹₽₺₴₪₫฿¢])"
MARK_FIRST = re.compile(rf"{MARK}\s*(?=[-+\d.,])", re.IGNORECASE)
MARK_LAST = re.compile(rf"(?<=[\d.,'’–—-])\s*{MARK}$", re.IGNORECASE)
SPACED = re.compile(r"\d{1,3}(?:[ '’]\d{3})+(?:[.,]\d+)?")
PLAIN = re.compile(r"\d*(?:[.,]\d*)*")
MAX_DIGITS = 60


def number_of(text: str, written: InputFormat = BY_A_PROGRAM) -> Number:
    """A number in digits, with grouping and the symbol of a currency if there are any.

    Raises ValueError with the reason, such as "is not a number".
    """
    sign, body, mark = _taken_apart(text)
    if SPACED.fullmatch(body):
        whole, _point, rest = re.sub(r"[ '’]", "", body).replace(",", ".").partition(".")
        return _number(sign, whole, rest)
    if not PLAIN.fullmatch(body) or not re.search(r"\d", body) or len(body) > MAX_DIGITS:
        raise ValueError(_("is not a number"))
    seen = re.findall(r"[.,]", body)
    if not seen:
        return _number(sign, body)
    if len(set(seen)) == 2 or len(seen) > 1:
        return _grouped(sign, body, seen)
    whole, rest = body.split(seen[0])
    if len(rest) != 3 or not 0 < len(whole) <= 3 or whole.startswith("0"):
        return _number(sign, whole, rest)
    is_decimal = _is_decimal(seen[0], mark, written)
    if is_decimal is None:
        raise ValueError(
            _("can mean %(one)s or %(other)s", one=f"{whole}{rest}", other=f"{whole}.{rest}")
        )
    return _number(sign, whole, rest) if is_decimal else _number(sign, whole + rest)


def _taken_apart(text: str) -> tuple[str, str, str]:
    """Minus or nothing, the digits with their separators, and the mark of the currency."""
    spaces = dict.fromkeys(map(ord, "\u00a0\u202f\u2009\u2007"), " ") | {ord("−"): "-"}
    body = text.translate(spaces).strip()
    sign = "-" if body.startswith("-") else ""
    body = re.sub(r"^[-+]\s*", "", body)
    found = MARK_FIRST.match(body)
    if found:
        body = body[found.end() :]
    elif found := MARK_LAST.search(body):
        body = body[: found.start()]
    if body.startswith(("-", "+")) and not sign:
        sign, body = body[0].replace("+", ""), body[1:]
    return sign, re.sub(r"[.,]\s*[-–—]+$", "", body).strip(), found[1].upper() if found else ""


def _grouped(sign: str, body: str, seen: list[str]) -> Number:
    """A number with several separators: the last one is decimal if it differs from the others."""
    last = seen[-1]
    has_decimals = len(set(seen)) == 2
    whole, rest = body.rsplit(last, 1) if has_decimals else (body, "")
    group = "." if "." in whole else ","
    if not re.fullmatch(rf"\d{{1,3}}(?:[{group}]\d{{2,3}})*[{group}]\d{{3}}", whole):
        raise ValueError(_("is not a number"))
    return _number(sign, whole.replace(group, ""), rest)


def _is_decimal(separator: str, mark: str, written: InputFormat) -> bool | None:
    """Whether the only separator, with three digits after it, is decimal; None if that is unclear."""
    if separator == "." and not written.by_person and not mark:
        return True
    language, region = written.language, written.region
    if language in DECIMAL_COMMA | DECIMAL_POINT:
        has_point = language in DECIMAL_POINT or region in POINT_REGIONS
        return (separator == ".") == has_point
    currency = mark if mark in CODES else written.currency
    if (mark or currency) and currency not in THREE_DECIMALS:
        return False  # money has no three decimals
    return None


def _number(sign: str, whole: str, rest: str = "") -> Number:
    if rest:
        return PlainDecimal(f"{sign}{whole or '0'}.{rest}")
    return int(f"{sign}{whole}")


# ---- dates ---------------------------------------------------------------------------------------

MONTH_FIRST = frozenset({"US", "PR", "PH", "GU", "VI"})  # regions
IN_BOTH_WAYS = frozenset({"CA"})
MONTHS: dict[str, int] = {
    name: number
    for number, names in enumerate(
        (
            "january jan januar janvier enero gennaio janeiro januari stycznia styczen ledna leden "
            "tammikuuta tammikuu ocak",
            "february feb februar fevrier febrero febbraio fevereiro februari lutego luty unora unor "
            "helmikuuta helmikuu subat",
            "march mar marz maerz mars marzo marco maart marca marzec brezna brezen maaliskuuta "
            "maaliskuu mart marts",
            "april apr avril abril aprile kwietnia kwiecien dubna duben huhtikuuta huhtikuu nisan",
            "may mai mayo maggio maio mei maja maj kvetna kveten toukokuuta toukokuu mayis",
            "june jun juni juin junio giugno junho czerwca czerwiec cervna cerven kesakuuta kesakuu "
            "haziran",
            "july jul juli juillet julio luglio julho lipca lipiec cervence cervenec heinakuuta "
            "heinakuu temmuz",
            "august aug aout agosto augustus augusti sierpnia sierpien srpna srpen elokuuta elokuu "
            "agustos",
            "september sep sept septembre septiembre settembre setembro wrzesnia wrzesien zari "
            "syyskuuta syyskuu eylul",
            "october oct oktober okt octobre octubre ottobre outubro oktobar pazdziernika pazdziernik "
            "rijna rijen lokakuuta lokakuu ekim",
            "november nov novembre noviembre novembro listopada listopad listopadu marraskuuta "
            "marraskuu kasim",
            "december dec dezember dez decembre diciembre dicembre dezembro grudnia grudzien prosince "
            "prosinec joulukuuta joulukuu aralik",
        ),
        1,
    )
    for name in names.split()
}
CLOCK = r"(?:(?:,|\s|T)\s*(?:at\s+|um\s+)?(\d{1,2}:\d{2}(?::\d{2})?)(?:\s*Uhr)?)?"
ISO = re.compile(r"\d{4}-\d\d-\d\d([T ].*)?")
IN_FIGURES = re.compile(rf"(\d{{1,2}})\s*([./-])\s*(\d{{1,2}})\s*\2\s*(\d{{4}}|\d{{2}}){CLOCK}")
YEAR_FIRST = re.compile(rf"(\d{{4}})([./])(\d{{1,2}})\2(\d{{1,2}})\.?{CLOCK}")
DAY_NAME = re.compile(
    rf"(\d{{1,2}})(?:\.|st|nd|rd|th|er|º|ª)?\s+(?:de\s+|of\s+)?([^\W\d_]+)\.?,?\s+(?:de\s+|del\s+)?"
    rf"(\d{{4}}){CLOCK}",
    re.IGNORECASE,
)
NAME_DAY = re.compile(
    rf"([^\W\d_]+)\.?\s+(\d{{1,2}})(?:st|nd|rd|th)?,?\s+(\d{{4}}){CLOCK}", re.IGNORECASE
)
NO_DATE = N_("is not a date")


def date_of(text: str, written: InputFormat = BY_A_PROGRAM) -> date:
    """A day, or a moment with the offset that it was written with; without one it is UTC.

    Raises ValueError with the reason.
    """
    value = " ".join(text.split())
    try:
        if ISO.fullmatch(value):
            return _iso(value)
        if found := YEAR_FIRST.fullmatch(value):
            return _day(found[1], found[3], found[4], found[5])
        value = re.sub(r"^[^\W\d_]+\.?,\s*(?=.*\d)", "", value)  # the day of the week
        if found := DAY_NAME.fullmatch(value):
            return _day(found[3], _month(found[2]), found[1], found[4])
        if found := NAME_DAY.fullmatch(value):
            return _day(found[3], _month(found[1]), found[2], found[4])
        found = IN_FIGURES.fullmatch(value)
    except (ValueError, OverflowError) as exc:
        raise ValueError(_(NO_DATE)) from exc
    if not found:
        raise ValueError(_(NO_DATE))
    return _in_figures(found[1], found[2], found[3], found[4], found[5], written)


def _iso(value: str) -> date:
    if len(value) == 10:
        return date.fromisoformat(value)
    found = datetime.fromisoformat(value)
    found = found if found.tzinfo else found.replace(tzinfo=UTC)
    found.astimezone(UTC)  # its offset can lead to a year that does not exist
    return found


def _day(year: str, month: str | int, day: str, clock: str | None) -> date:
    found = date(int(year), int(month), int(day))
    if clock is None:
        return found
    return datetime.combine(found, time.fromisoformat(clock.zfill(5)), UTC)


def _month(name: str) -> int:
    found = MONTHS.get(folded(name))
    if found is None:
        raise ValueError(_(NO_DATE))
    return found


def _in_figures(
    first: str, separator: str, second: str, year: str, clock: str | None, written: InputFormat
) -> date:
    """A day such as 31.12.1990 or 12/31/1990.  With dots, the day is always first."""
    if len(year) == 2:
        raise ValueError(_("has a year of two digits, so that its century is unclear"))
    day_first = _day_or_none(year, second, first, clock)
    month_first = _day_or_none(year, first, second, clock)
    if separator == ".":
        found = day_first
    elif day_first is None or month_first is None or day_first == month_first:
        found = day_first or month_first
    elif written.region and written.region not in IN_BOTH_WAYS:
        found = month_first if written.region in MONTH_FIRST else day_first
    elif written.language and written.language != "en":
        found = day_first
    else:
        raise ValueError(
            _(
                "can mean %(one)s or %(other)s",
                one=day_first.isoformat()[:10],
                other=month_first.isoformat()[:10],
            )
        )
    if found is None:
        raise ValueError(_(NO_DATE))
    return found


def _day_or_none(year: str, month: str, day: str, clock: str | None) -> date | None:
    try:
        return _day(year, month, day, clock)
    except ValueError:
        return None


# ---- answers and words ---------------------------------------------------------------------------

YES_WORDS = frozenset({*YES, *"y ja oui si sim tak yep j evet ano kylla checked ✓ ✔ ☑".split()})
NO_WORDS = frozenset({*NO, *"n nein non nao nee nie nej ne hayir ei unchecked".split()})


ANSWER = re.compile(r"([^\W\d_]+)(,|\s)")
BEFORE_SPACE = frozenset("yes ja oui sim tak no nein nao nee nej nie".split())


def yes_no_of(text: str) -> bool:
    """Yes or no in a dozen languages, also as the beginning of an answer such as "Ja, gerne".

    Raises ValueError.
    """
    word = folded(text)
    if (answer := ANSWER.match(word)) and (answer[2] == "," or answer[1] in BEFORE_SPACE):
        word = answer[1]
    if word not in YES_WORDS | NO_WORDS:
        raise ValueError(_("is neither yes nor no"))
    return word in YES_WORDS


def folded(text: str) -> str:
    """A word for comparisons: without case, accents and spaces around it."""
    plain = unicodedata.normalize("NFKD", text.replace("ł", "l").replace("ı", "i").casefold())
    return "".join(one for one in plain if not unicodedata.combining(one)).strip()


def same_choice(text: str) -> str:
    """A choice for comparisons: without case, with single spaces and plain hyphens.

    ``11 – 50`` is ``11-50``.  No choice is longer than ``LONGEST_CHOICE``.
    """
    return _same_choice(text[: LONGEST_CHOICE + 1])


LONGEST_CHOICE = (
    1_000  # characters; a visitor's text may be much longer, and must not fill the cache
)


@lru_cache(maxsize=5_000)
def _same_choice(text: str) -> str:
    plain = unicodedata.normalize("NFKC", text).casefold()
    plain = "".join(one for one in plain if unicodedata.category(one) != "Cf")
    return re.sub(r"\s*[-‐‑‒–—−]\s*", "-", " ".join(plain.split()))


ADDRESS = re.compile(r"[^<>]*<([^<>]+)>")
LOCAL = r"[^\s@<>,;:\"()\[\]\\.]+(?:\.[^\s@<>,;:\"()\[\]\\.]+)*"
EMAIL = re.compile(rf"{LOCAL}@[^\s@<>,;.]+(?:\.[^\s@<>,;.]+)*\.[^\s@<>,;.]*[^\W\d_][^\s@<>,;.]*")


def email_of(text: str) -> str:
    """An e-mail address, also as ``Anna <anna@example.com>`` or a mailto link.  Raises ValueError."""
    value = text.strip().strip("\"'“”")
    if found := ADDRESS.fullmatch(value):
        value = found[1]
    value = "".join(one for one in value if unicodedata.category(one) not in ("Cf", "Cc")).strip()
    value = re.sub(r"^mailto:", "", value, flags=re.IGNORECASE)
    if not EMAIL.fullmatch(value):
        raise ValueError(_("is not an e-mail address"))
    return value
