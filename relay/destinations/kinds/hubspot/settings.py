"""What a person says about their HubSpot account."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from marshmallow import ValidationError, fields, validate, validates, validates_schema

from relay.destinations.base import ConfigSchema, is_reference

CONTACT, FORM = "contact", "form"
MOST_RECORDS = 100  # in one call
VERSIONS = [("2026-03", "2026-03 (newest)"), ("v3", "v3 (older)")]
CONSENT = "I agree that this site stores and processes what I entered here, to answer me."


class HubSpotSchema(ConfigSchema):
    token = fields.String(
        required=True,
        error_messages={"required": "Enter the access token of your private app."},
        metadata={
            "label": "Access token",
            "secret": True,
            "placeholder": "pat-…",
            "help": "In HubSpot: Settings → Integrations → Private Apps → Create. Give it the scopes "
            "crm.objects.contacts and crm.objects.deals (read and write), crm.schemas.contacts and "
            "crm.schemas.deals (read; for deals write too), and forms if leads go to a form.",
        },
    )
    leads = fields.String(
        load_default=CONTACT,
        validate=validate.OneOf([CONTACT, FORM]),
        metadata={
            "label": "Leads go to",
            "widget": "select",
            "choices": [
                (CONTACT, "A contact"),
                (FORM, "A HubSpot form (keeps consent and source)"),
            ],
            "help": "With a form, HubSpot also keeps where each lead came from and what it agreed to.",
        },
    )
    portal_id = fields.String(
        metadata={
            "label": "Account number (Hub ID)",
            "placeholder": "12345678",
            "help": "It stands in HubSpot's menu below your account's name.",
            "shown_if": {"leads": FORM},
        }
    )
    form_guid = fields.String(
        metadata={
            "label": "Form's id",
            "placeholder": "78c2891f-ebdd-44c0-bd94-15c012bbbfbf",
            "help": "Open the form in HubSpot: the long number in the browser's address is its id.",
            "shown_if": {"leads": FORM},
        }
    )
    consent_text = fields.String(
        load_default=CONSENT,
        metadata={
            "label": "What visitors agree to",
            "widget": "textarea",
            "help": "The words beside the box that visitors tick on your site. They are kept in HubSpot "
            "with each lead that ticked it.",
            "shown_if": {"leads": FORM},
        },
    )
    batch_size = fields.Integer(
        load_default=MOST_RECORDS,
        validate=validate.Range(1, MOST_RECORDS),
        error_messages={"invalid": "Enter a number from 1 to 100."},
        metadata={
            "label": "Records in one call",
            "widget": "number",
            "advanced": True,
            "help": "When many wait, HubSpot takes up to 100 contacts or deals in one call.",
        },
    )
    api_version = fields.String(
        load_default=VERSIONS[0][0],
        validate=validate.OneOf([version for version, _ in VERSIONS]),
        metadata={
            "label": "Version of HubSpot's interface",
            "widget": "select",
            "choices": VERSIONS,
            "advanced": True,
        },
    )
    base_url = fields.String(
        load_default="https://api.hubapi.com",
        metadata={
            "label": "HubSpot's address",
            "widget": "url",
            "advanced": True,
            "help": "Leave it as it is, unless HubSpot tells you another one.",
        },
    )
    forms_url = fields.String(
        load_default="https://api.hsforms.com",
        metadata={
            "label": "Address of HubSpot's forms",
            "widget": "url",
            "advanced": True,
            "help": "Leave it as it is, unless HubSpot tells you another one.",
        },
    )

    @validates("token")
    def check_token(self, value: str, **_: Any) -> None:
        if not is_reference(value) and re.search(r"\s|[^\x21-\x7e]", value):
            raise ValidationError("A token has no blanks. Copy it again from HubSpot.")

    @validates("portal_id")
    def check_portal(self, value: str, **_: Any) -> None:
        if not re.fullmatch(r"[0-9]{1,12}", value):
            raise ValidationError("An account number has digits only, such as 12345678.")

    @validates("form_guid")
    def check_form(self, value: str, **_: Any) -> None:
        if not re.fullmatch(r"[0-9a-fA-F-]{32,36}", value):
            raise ValidationError(
                "A form's id looks like 78c2891f-ebdd-44c0-bd94-15c012bbbfbf. Copy it from the "
                "browser's address while the form is open in HubSpot."
            )

    @validates_schema
    def check_form_is_named(self, data: Mapping[str, Any], **_: Any) -> None:
        if data.get("leads") == FORM:
            for name, what in (("portal_id", "account number"), ("form_guid", "form's id")):
                if not data.get(name):
                    raise ValidationError(f"Enter the {what}, or let leads go to a contact.", name)
