"""The settings of a HubSpot destination."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from marshmallow import ValidationError, fields, validate, validates, validates_schema

from relay.destinations.kinds.hubspot.money import HOLD, WITHOUT_AMOUNT
from relay.destinations.schema import ConfigSchema
from relay.i18n import N_, _
from relay.secrets.references import is_reference

CONTACT, FORM = "contact", "form"
MAX_RECORDS = 100  # in one call
VERSIONS = [("2026-03", N_("2026-03 (newest)")), ("v3", N_("v3 (older)"))]
CONSENT = "I agree that this site stores and processes my data to answer my request."  # i18n: keep


class HubSpotSchema(ConfigSchema):
    token = fields.String(
        required=True,
        error_messages={"required": N_("Enter the access token of your private app.")},
        metadata={
            "label": N_("Access token"),
            "secret": True,
            "placeholder": "pat-…",
            "help": N_(
                "In HubSpot: Settings → Integrations → Private Apps → Create. Give the app the scopes "
                "crm.objects.contacts and crm.objects.deals (read and write), crm.schemas.contacts (read), "
                "crm.schemas.deals (read and write), and forms if leads go to a form."
            ),
        },
    )
    leads = fields.String(
        load_default=CONTACT,
        validate=validate.OneOf([CONTACT, FORM]),
        metadata={
            "label": N_("Send leads to"),
            "widget": "select",
            "choices": [
                (CONTACT, N_("A contact")),
                (FORM, N_("A HubSpot form (stores consent and source)")),
            ],
            "help": N_("With a form, HubSpot also stores the source and the consent of each lead."),
        },
    )
    portal_id = fields.String(
        metadata={
            "label": N_("Account number (Hub ID)"),
            "placeholder": "12345678",
            "help": N_("In HubSpot's menu, below the name of your account."),
            "shown_if": {"leads": FORM},
        }
    )
    form_guid = fields.String(
        metadata={
            "label": N_("Form id"),
            "placeholder": "78c2891f-ebdd-44c0-bd94-15c012bbbfbf",
            "help": N_(
                "Open the form in HubSpot. Its id is the long code in the browser's address bar."
            ),
            "shown_if": {"leads": FORM},
        }
    )
    consent_text = fields.String(
        load_default=CONSENT,
        metadata={
            "label": N_("Text of the consent"),
            "widget": "textarea",
            "help": N_(
                "The text next to the checkbox on your site. HubSpot stores it with each lead that "
                "has checked the box."
            ),
            "shown_if": {"leads": FORM},
        },
    )
    other_currency = fields.String(
        load_default=HOLD,
        validate=validate.OneOf([HOLD, WITHOUT_AMOUNT]),
        metadata={
            "label": N_("If HubSpot does not use the currency of an order"),
            "widget": "select",
            "choices": [
                (HOLD, N_("Do not write the order: list it under Failed deliveries")),
                (WITHOUT_AMOUNT, N_("Write the deal without its amount")),
            ],
            "help": N_(
                "HubSpot would read the amount in another currency. Relay never changes a currency."
            ),
        },
    )
    batch_size = fields.Integer(
        load_default=MAX_RECORDS,
        validate=validate.Range(1, MAX_RECORDS),
        error_messages={"invalid": N_("Enter a number from 1 to 100.")},
        metadata={
            "label": N_("Records per call"),
            "widget": "number",
            "advanced": True,
            "help": N_(
                "When many events are pending, Relay sends up to this number of records in one call."
            ),
        },
    )
    api_version = fields.String(
        load_default=VERSIONS[0][0],
        validate=validate.OneOf([version for version, _ in VERSIONS]),
        metadata={
            "label": N_("Version of HubSpot's API"),
            "widget": "select",
            "choices": VERSIONS,
            "advanced": True,
        },
    )
    base_url = fields.String(
        load_default="https://api.hubapi.com",
        metadata={
            "label": N_("URL of HubSpot's API"),
            "widget": "url",
            "advanced": True,
            "help": N_("Change it only if HubSpot gives you another URL."),
        },
    )
    forms_url = fields.String(
        load_default="https://api.hsforms.com",
        metadata={
            "label": N_("URL of HubSpot's Forms API"),
            "widget": "url",
            "advanced": True,
            "help": N_("Change it only if HubSpot gives you another URL."),
        },
    )

    @validates("token")
    def check_token(self, value: str, **_kwargs: Any) -> None:
        if not is_reference(value) and re.search(r"\s|[^\x21-\x7e]", value):
            raise ValidationError(_("A token has no spaces. Copy it again from HubSpot."))

    @validates("portal_id")
    def check_portal(self, value: str, **_kwargs: Any) -> None:
        if not re.fullmatch(r"[0-9]{1,12}", value):
            raise ValidationError(_("An account number has only digits, such as 12345678."))

    @validates("form_guid")
    def check_form(self, value: str, **_kwargs: Any) -> None:
        if not re.fullmatch(r"[0-9a-fA-F-]{32,36}", value):
            raise ValidationError(
                _(
                    "A form id looks like 78c2891f-ebdd-44c0-bd94-15c012bbbfbf. Open the form in HubSpot "
                    "and copy the id from the browser's address bar."
                )
            )

    @validates_schema
    def check_form_is_named(self, data: Mapping[str, Any], **_kwargs: Any) -> None:
        if data.get("leads") == FORM:
            for name, why in (
                ("portal_id", N_("Enter the account number, or send leads to a contact.")),
                ("form_guid", N_("Enter the form id, or send leads to a contact.")),
            ):
                if not data.get(name):
                    raise ValidationError(_(why), name)
