"""Finds the JSON object in what a model says.

Small and reasoning models write their thoughts before the answer, words around it, or put it in a
fenced block.  Sources: https://docs.ollama.com/capabilities/thinking,
https://docs.mistral.ai/capabilities/reasoning (content as a list of parts).
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from typing import Any

TAGS = r"(?:think|thinking|thought|reasoning)"
END_OF_THOUGHTS = re.compile(rf"</{TAGS}>", re.IGNORECASE)
START_OF_THOUGHTS = re.compile(rf"<{TAGS}>", re.IGNORECASE)
FENCE = re.compile(r"```[a-zA-Z]*\s*\n?(.*?)```", re.DOTALL)
MAX_STARTS = 200  # places where an object can begin
TEXT_TYPES = ("text", "output_text")


def answer_in(text: str) -> dict[str, Any]:
    """The object in a text; empty without one.  Objects within thoughts do not count.

    Of several, the last one in a fenced block counts, else the last one.
    """
    spoken = spoken_part(text)
    if whole := parse_object(spoken):
        return whole
    fenced = [found for block in FENCE.findall(spoken) if (found := parse_object(block))]
    return (fenced or [{}])[-1] or next(iter(reversed(list(objects_in(spoken)))), {})


def spoken_part(text: str) -> str:
    """The text after the thoughts; empty if the thoughts do not end.

    Some servers leave out the opening tag.
    """
    after = END_OF_THOUGHTS.split(text)[-1]
    return START_OF_THOUGHTS.split(after)[0]


def parse_object(text: str) -> dict[str, Any]:
    """A text that is one JSON object; empty if it is not."""
    try:
        found = json.loads(text)
    except (ValueError, RecursionError):
        return {}
    return found if isinstance(found, dict) else {}


def objects_in(text: str) -> Iterator[dict[str, Any]]:
    """The JSON objects in a text, outermost first, in their order."""
    decoder, at = json.JSONDecoder(), 0
    for _ in range(MAX_STARTS):
        at = text.find("{", at)
        if at < 0:
            return
        try:
            found, at = decoder.raw_decode(text, at)
        except (ValueError, RecursionError):
            at += 1
            continue
        if found:
            yield found


def text_of(content: Any) -> str:
    """The text of a message's content: a text, or a list of parts of which only texts count."""
    if isinstance(content, str):
        return content
    if not isinstance(content, list):
        return ""
    parts = (part for part in content if isinstance(part, Mapping))
    texts = (part.get("text") for part in parts if part.get("type", "text") in TEXT_TYPES)
    return "".join(text for text in texts if isinstance(text, str))
