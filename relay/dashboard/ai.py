"""The cost of the AI steps, and how much of their budgets is used."""

from __future__ import annotations

from typing import Any

from flask import Blueprint, render_template

from relay.dashboard import guard
from relay.services.ai import spend as ai_spend

blueprint = Blueprint("ai", __name__, url_prefix="/ai")


@blueprint.get("")
@guard.requires("viewer")
def page() -> Any:
    return render_template(
        "ai/spend.html",
        caps=ai_spend.caps(),
        days=ai_spend.by_day(),
        parts=ai_spend.by_part(),
        count=ai_spend.DAYS,
    )
