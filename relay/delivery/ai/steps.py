"""AI steps from their rows: frozen, with the settings of the destination they ask."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection, bindparam, select

from relay.delivery.message import kind_and_config
from relay.destinations.ai import AiKind, SpendingCaps
from relay.errors import RelayError
from relay.i18n import N_
from relay.mapping import ai_answers
from relay.mapping.ai_answers import AnswerField
from relay.models import AiStep, Destination, Subscription
from relay.rules.states import AiFallback, AiStepState

NO_CAPS = SpendingCaps()


@dataclass(frozen=True)
class ActiveAiStep:
    """An AI step with the destination that it asks; ``trouble`` says why it cannot ask."""

    subscription_id: int
    destination_id: int
    name: str
    kind: AiKind
    config: Mapping[str, Any]
    model: str
    instructions: str
    shown: tuple[tuple[str, ...], ...]
    text: str
    fields: tuple[AnswerField, ...]
    masking: bool = True
    max_input_tokens: int = 2000
    max_output_tokens: int = 1000
    wait_s: int = 15
    caps: SpendingCaps = NO_CAPS
    fallback: str = AiFallback.GO_ON
    trouble: str = ""


def load_rows(connection: Connection, destination_id: int) -> list[tuple[Any, Any]]:
    """The active AI steps of a destination's subscriptions, each with the destination that it asks.

    -> the arguments of ``step_of``, which opens secrets and so is called after the transaction.
    """
    rows = connection.execute(_ACTIVE, {"destination": destination_id}).all()
    if not rows:
        return []
    asked = Destination.id.in_({row.destination_id for row in rows})
    found = connection.execute(select(Destination.__table__).where(asked)).all()
    destinations = {destination.id: destination for destination in found}
    return [(row, destinations[row.destination_id]) for row in rows]


# Built once: they are executed many times a second.
_ACTIVE = (
    select(AiStep.__table__)
    .join(Subscription, Subscription.id == AiStep.subscription_id)
    .where(
        Subscription.destination_id == bindparam("destination"),
        AiStep.state == AiStepState.ACTIVE,
    )
)
HAS_ACTIVE = _ACTIVE.exists().label("has_ai_steps")


def step_of(row: AiStep | Any, destination: Destination | Any) -> ActiveAiStep:
    """An AI step from its row, saved or not, and the row of the destination that it asks.

    Opens secrets: needs the application's context.
    """
    trouble = ""
    config: dict[str, Any] = {}
    try:
        kind, config = kind_and_config(destination)
    except RelayError as exc:
        kind, trouble = AiKind(), str(exc)
    if not isinstance(kind, AiKind):
        text = N_("%(name)s cannot be asked. Choose another one.")
        kind, trouble = AiKind(), text % {"name": destination.name}
    return ActiveAiStep(
        subscription_id=row.subscription_id,
        destination_id=destination.id,
        name=destination.name,
        kind=kind,
        config=config,
        model=row.model,
        instructions=row.instructions,
        shown=tuple(map(tuple, row.shown)),
        text=row.text,
        fields=tuple(map(ai_answers.field_of, row.fields)),
        masking=row.masking,
        max_input_tokens=row.max_input_tokens,
        max_output_tokens=row.max_output_tokens,
        wait_s=row.wait_s,
        caps=SpendingCaps(row.day_cap, row.day_calls),
        fallback=row.fallback,
        trouble=trouble,
    )
