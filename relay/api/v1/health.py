"""Health: what ``flask doctor`` finds; and which token a request has."""

from __future__ import annotations

from typing import Any

from marshmallow import fields
from sqlalchemy import select

from relay.api.v1.access import current
from relay.api.v1.operations import OperationGroup
from relay.api.v1.shapes import AnswerShape, Moment, choice, text
from relay.models import ROLES, Source, db
from relay.observability.health import Level
from relay.services.operations import doctor

group = OperationGroup("Health")
BUDGET_S = 5.0


class FindingShape(AnswerShape):
    group = fields.String()
    check = fields.String()
    level = choice([one.value for one in Level])
    what = text("What was found.")
    do = text("What to do; empty if nothing is wrong.")


class HealthShape(AnswerShape):
    ok = fields.Boolean(metadata={"description": "Whether nothing has the level `error`."})
    findings = fields.List(fields.Nested(FindingShape))


class TokenShape(AnswerShape):
    name = fields.String()
    role = choice(list(ROLES))
    user = text("The e-mail address of its user.")
    sites = fields.List(
        fields.String(), allow_none=True, metadata={"description": "Slugs; null: all sites."}
    )
    expires_at = Moment(allow_none=True)


@group.add("GET", "/token", "Show the token of this request.", TokenShape, limited=True)
def show_token() -> Any:
    access = current()
    slugs = None
    if access.sites is not None:
        wanted = select(Source.slug).where(Source.id.in_(access.sites))
        slugs = list(db.session.scalars(wanted.order_by(Source.slug)))
    return {
        "name": access.name,
        "role": access.role,
        "user": access.email,
        "sites": slugs,
        "expires_at": access.expires_at,
    }


@group.add("GET", "/health", "Check everything that Relay depends on.", HealthShape, role="support")
def show_health() -> Any:
    found = doctor.diagnose(budget_s=BUDGET_S)
    return {
        "ok": all(one.level is not Level.ERROR for one in found),
        "findings": [
            {
                "group": one.group,
                "check": one.check,
                "level": one.level.value,
                "what": one.what,
                "do": one.do,
            }
            for one in found
        ],
    }
