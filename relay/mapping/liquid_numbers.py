"""Liquid's filters for numbers, with decimals instead of binary fractions.

The library's own filters compute with about 16 digits and take a decimal for zero.  These keep every
digit: ``{{ "129.90" | times: 2 }}`` is ``259.80``.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from decimal import ROUND_CEILING, ROUND_FLOOR, ROUND_HALF_UP, Decimal, localcontext
from typing import Any

from liquid.filter import int_arg, liquid_filter, sequence_filter

from relay.exact_json import PlainDecimal

PRECISION = 60  # digits while a filter computes
QUOTIENT = Decimal("1e-15")  # the smallest part of a division's result
Number = int | PlainDecimal


def number(value: object) -> Number:
    """A number or a text of digits; 0 for anything else, as in Liquid."""
    if isinstance(value, bool):
        return 0
    if isinstance(value, int):
        return value
    try:
        found = PlainDecimal(repr(value) if isinstance(value, float) else str(value).strip())
    except ArithmeticError:
        return 0
    if not found.is_finite() or found.adjusted() > PRECISION or found.adjusted() < -PRECISION:
        return 0
    is_whole = isinstance(value, str) and found.as_tuple().exponent == 0
    return int(found) if is_whole else found


def _computed(compute: Callable[[Any, Any], Any]) -> Callable[..., Any]:
    """A filter of two numbers.  Two whole numbers have a whole result."""

    def computed(left: object, right: object = 0) -> Number:
        with localcontext() as context:
            context.prec = PRECISION
            found = compute(number(left), number(right))
            return found if isinstance(found, int) else PlainDecimal(found)

    return liquid_filter(computed)


def _quotient(left: Number, right: Number) -> Number | Decimal:
    if isinstance(left, int) and isinstance(right, int):
        return left // right
    found = Decimal(left) / Decimal(right)
    exact = found.quantize(QUOTIENT) if found.adjusted() < 40 else found
    return exact.normalize() if exact.normalize().as_tuple().exponent else exact


def _whole(rounding: str) -> Callable[..., Any]:
    @liquid_filter
    def whole(value: object) -> int:
        return int(Decimal(number(value)).to_integral_value(rounding))

    return whole


@liquid_filter
def rounded(value: object, digits: object = None) -> Number:
    """To that many decimals; a half is rounded up, away from zero."""
    places = int_arg(digits, 0) if digits is not None else 0
    found = Decimal(number(value))
    if places <= 0:
        return int(found.to_integral_value(ROUND_HALF_UP))
    with localcontext() as context:
        context.prec = PRECISION * 2
        wanted = Decimal(1).scaleb(-min(places, 30))
        is_shorter = int(found.as_tuple().exponent) >= -min(places, 30)
        return PlainDecimal(found if is_shorter else found.quantize(wanted, ROUND_HALF_UP))


@liquid_filter
def absolute(value: object) -> Number:
    found = number(value)
    return abs(found) if isinstance(found, int) else PlainDecimal(found.copy_abs())


@sequence_filter
def total(sequence: Any, key: object = None) -> Number:
    """The sum of a list, or of one member of the objects in it."""
    values = [
        (item.get(str(key)) if isinstance(item, Mapping) else 0) if key is not None else item
        for item in sequence
    ]
    found: Any = 0
    with localcontext() as context:
        context.prec = PRECISION
        for value in values:
            found = found + number(value)
    return found if isinstance(found, int) else PlainDecimal(found)


FILTERS: dict[str, Callable[..., Any]] = {
    "plus": _computed(lambda left, right: left + right),
    "minus": _computed(lambda left, right: left - right),
    "times": _computed(lambda left, right: left * right),
    "divided_by": _computed(_quotient),
    "modulo": _computed(lambda left, right: left - right * (left // right)),
    "at_least": _computed(max),
    "at_most": _computed(min),
    "abs": absolute,
    "ceil": _whole(ROUND_CEILING),
    "floor": _whole(ROUND_FLOOR),
    "round": rounded,
    "sum": total,
}
