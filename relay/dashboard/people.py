"""Find a person: everything about one e-mail address; its export, its erasure and the receipts."""

from __future__ import annotations

from typing import Any

from flask import Blueprint, Response, render_template, request, url_for

from relay.dashboard import forms, guard, htmx
from relay.dashboard.exports import json_response
from relay.errors import Invalid
from relay.i18n import N_, _
from relay.services.operations import erasure
from relay.services.people import finding, receipts

blueprint = Blueprint("people", __name__, url_prefix="/people")
# The address is posted, never in a URL: URLs are in the history of browsers and in logs of proxies.
EMAIL = forms.Field(
    "email", N_("E-mail address"), "email", required=True, placeholder="jane@example.com"
)


@blueprint.get("")
@guard.requires("support")
def page() -> str:
    return _page()


def _page(
    found: finding.PersonData | None = None,
    errors: dict[str, list[str]] | None = None,
    email: str = "",
) -> str:
    return render_template(
        "people/page.html", field_of_email=EMAIL, found=found, errors=errors or {}, email=email
    )


@blueprint.post("")
@guard.requires("support")
def search() -> Any:
    """The result for exactly this address."""
    email = forms.text("email")
    try:
        return _page(finding.find_person(email), email=email)
    except Invalid as exc:
        return _page(errors=exc.reasons, email=email), 422


@blueprint.post("/export")
@guard.requires("admin", proof=True, download=True)
def export() -> Response:
    """A JSON file with everything about the address."""
    found = finding.export(forms.text("email"), guard.current_by())
    return json_response("person.json", found)


@blueprint.post("/erase")
@guard.requires("admin", proof=True)
def erase() -> Any:
    """Erase the person if the address was typed a second time."""
    email, typed = forms.text("email"), forms.text("confirm")
    if not typed or typed.lower() != email.lower():
        reason = [_("Type the address again, exactly as above. Nothing was erased.")]
        return _page(finding.find_person(email), {"confirm": reason}, email), 422
    receipt = erasure.erase_person(email, guard.current_by())
    htmx.toast(_("Erased. Keep the receipt."))
    return htmx.redirect(url_for("people.receipt", number=receipt.number))


@blueprint.get("/receipts")
@guard.requires("admin")
def receipt_list() -> Any:
    listed = receipts.list_receipts(50, forms.page_after())
    return htmx.respond(
        "people/receipts.html",
        "people/_receipts.html",
        page=listed,
        url=url_for("people.receipt_list"),
        kept={},
    )


@blueprint.get("/receipts/<number>")
@guard.requires("admin")
def receipt(number: str) -> Any:
    found = receipts.find_receipt(number)
    if request.args.get("download"):
        return json_response(f"{found.number}.json", receipts.as_json(found))
    return _receipt(number)


def _receipt(number: str, matches: bool | None = None, errors: dict[str, Any] | None = None) -> str:
    return render_template(
        "people/receipt.html",
        receipt=receipts.find_receipt(number),
        field_of_email=EMAIL,
        matches=matches,
        errors=errors or {},
    )


@blueprint.post("/receipts/<number>")
@guard.requires("admin")
def check_receipt(number: str) -> Any:
    """Whether the receipt is for an address."""
    found = receipts.find_receipt(number)
    try:
        return _receipt(number, receipts.is_for(found, forms.text("email")))
    except Invalid as exc:
        return _receipt(number, errors=exc.reasons), 422
