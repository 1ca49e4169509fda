"""Notes: what a destination did not get as it was mapped, although the rest was sent."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from relay.i18n import _

LEFT_OUT, SHORTENED, NOTHING_SENT = "left_out", "shortened", "nothing_sent"


@dataclass(frozen=True)
class Note:
    """A field without its value, and why.

    ``code`` is ``left_out``, ``shortened`` or ``nothing_sent``; the last one is about the whole
    message.  ``field`` is the target, ``label`` its name for people.  ``reason`` is a clause without
    a full stop, such as "“31.13.1990” is not a date"; for ``nothing_sent`` it is a sentence.
    """

    field: str
    label: str
    reason: str
    code: str = LEFT_OUT

    @property
    def sentence(self) -> str:
        if self.code == NOTHING_SENT:
            return _("Nothing was sent: %(why)s", why=_(self.reason))
        said = {"label": _(self.label), "why": _(self.reason)}
        if self.code == SHORTENED:
            return _("Shortened: %(label)s — %(why)s", **said)
        return _("Sent without: %(label)s — %(why)s", **said)

    def as_json(self) -> dict[str, str]:
        """The note as it is stored with an attempt."""
        return {
            "code": self.code,
            "field": self.field,
            "label": self.label,
            "sentence": self.sentence,
        }


def once(notes: Iterable[Note]) -> tuple[Note, ...]:
    """The notes without repetitions, in their order."""
    return tuple(dict.fromkeys(notes))
