"""The form that asks for e-mail address and password."""

from __future__ import annotations

from flask import render_template, request

from relay.dashboard import forms, kept_forms, passkey_forms
from relay.i18n import N_
from relay.services.users import oidc

EMAIL = forms.Field("email", N_("E-mail address"), "email", required=True, autocomplete="username")
PASSWORD = forms.Field(
    "password", N_("Password"), "password", required=True, autocomplete="current-password"
)


def render(
    target: str, errors: dict[str, list[str]] | None = None, kept: str = "", why_lost: str = ""
) -> str:
    """``target`` is the page to continue with, ``kept`` a sealed form to send after the sign-in.

    ``why_lost`` is the reason why a form was not kept.
    """
    kept = kept or request.form.get(kept_forms.FIELD, "")
    typed = {"email": forms.text("email")} if request.path == "/sign-in" else {}
    return render_template(
        "auth/sign_in.html",
        fields=(EMAIL, PASSWORD),
        values=typed,
        errors=errors or {},
        next=target,
        kept=kept,
        why_lost=why_lost,
        with_passkeys=passkey_forms.party() is not None and not kept,
        provider=None if kept else oidc.find_provider(),
    )
