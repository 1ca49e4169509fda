"""A form that could not be accepted because its session had ended: kept until the person signed in again.

It travels sealed through the pages of the sign-in.  It belongs to the user of the session that ended, and
works once: using it deletes the row of that session.  What people type as passwords, codes and secrets is
not kept.  After the sign-in, the person sees which form it is and sends it with one click: the usual checks
of the role, of a proof and of the token follow then.
"""

from __future__ import annotations

import functools
import json
import re
import time
from dataclasses import dataclass, replace
from typing import Any, cast
from urllib.parse import urlsplit

from flask import current_app, render_template, request, session
from flask.globals import request_ctx
from werkzeug.exceptions import HTTPException

from relay import secrets
from relay.dashboard import forms, htmx
from relay.destinations import KINDS
from relay.destinations.channel_kinds import CHANNEL_KINDS
from relay.errors import SecretUnreadable
from relay.i18n import N_, SOURCE, _, language
from relay.services.users import sessions

LASTS_S = 600
FIELD = "kept_form"
ENDED = "ended-session"  # in the session: the token of the session that ended
BESIDE = 16 * 1024  # bytes of a request for the other fields of the sign-in
SECRET = re.compile(r"(.*_)?(password|passphrase|secret|token|key|current)")
CODE = re.compile(r"(.*_)?codes?")  # of a second factor; elsewhere, the code of an error
OWN_PAGES = "/account"
LABELS = (N_("Password"), N_("Old password"), N_("Code"))  # of fields that the name alone describes
TOO_LARGE = N_("The form was too large to keep. Enter it again after you sign in.")
NOT_KEPT = N_("Relay did not keep the form that you sent. Enter it again after you sign in.")
DROPPED = N_(
    "Relay did not keep the form. It belongs to another account, was used already, or is older than "
    "%(num)s minutes. Enter it again."
)


@dataclass(frozen=True)
class KeptForm:
    """``url`` is the path that it is sent to, ``back`` the page that has the form.

    ``asks`` are the names of the secrets that the person enters again.  ``session_id`` and ``user_id`` are
    of the session that ended.
    """

    url: str
    fields: list[tuple[str, str]]
    back: str = "/"
    asks: tuple[str, ...] = ()
    session_id: int = 0
    user_id: int = 0


def posted_fields() -> list[tuple[str, str]]:
    """The posted fields, for hidden inputs of a page in between."""
    return [
        (name, value)
        for name, value in request.form.items(multi=True)
        if name != "csrf_token" and not name.startswith("proof_")
    ]


@functools.cache
def _secret_fields() -> dict[str, forms.Field]:
    """The secret settings of all kinds, by name."""
    kinds = (*KINDS.values(), *CHANNEL_KINDS.values())
    return {one.name: one for kind in kinds for one in forms.fields_of(kind.schema) if one.secret}


def is_secret(name: str, path: str = OWN_PAGES) -> bool:
    """Whether a field of a form that is sent to ``path`` has a password, a code or a secret."""
    is_code = path.startswith(OWN_PAGES) and CODE.fullmatch(name)
    return bool(name in _secret_fields() or SECRET.fullmatch(name) or is_code)


def is_own() -> bool:
    """Whether a browser sent the form of this request from one of Relay's pages."""
    sent_from = urlsplit(request.referrer or "")
    fetch_site = request.headers.get("Sec-Fetch-Site", "same-origin")
    return (
        request.method == "POST"
        and sent_from.netloc == request.host
        and fetch_site == "same-origin"
    )


def of_request(back: str) -> KeptForm | None:
    """The form of this request without its secrets; None if it comes from elsewhere."""
    if not is_own():
        return None
    fields = posted_fields()
    asks = dict.fromkeys(name for name, value in fields if value and is_secret(name, request.path))
    kept = [(name, value) for name, value in fields if name not in asks]
    return KeptForm(request.full_path.rstrip("?"), kept, back, tuple(asks))


def remember_ended(token: str) -> None:
    """Keep the token of the session that ended, for a form that is sent later.  It gives no access."""
    session[ENDED] = token


def keep(form: KeptForm) -> tuple[str, str]:
    """-> the sealed form, or nothing and the reason"""
    ended = sessions.find_ended(session.get(ENDED, ""))
    if ended is None:
        return "", _(NOT_KEPT)
    sealed = seal(replace(form, session_id=ended.id, user_id=ended.user_id))
    if len(sealed) > current_app.config["MAX_CONTENT_LENGTH"] - BESIDE:
        return "", _(TOO_LARGE)
    return sealed, ""


def seal(form: KeptForm) -> str:
    return secrets.seal({FIELD: json.dumps([vars(form), int(time.time())], ensure_ascii=False)})


def posted() -> KeptForm | None:
    """The form that the sign-in page of this request brings along; None if it is too old or changed."""
    sealed = request.form.get(FIELD, "")
    values: dict[str, Any]
    try:
        values, at = json.loads(secrets.open_sealed(sealed)[FIELD])
    except (SecretUnreadable, KeyError, ValueError):
        return None
    if not 0 <= time.time() - at < LASTS_S:
        return None
    pairs = [(name, value) for name, value in values.pop("fields")]
    return KeptForm(**values | {"fields": pairs, "asks": tuple(values["asks"])})


def use(user_id: int) -> KeptForm | None:
    """The form that this sign-in of a user brings along, once.  The caller commits."""
    form = posted()
    if (
        form is not None
        and form.user_id == user_id
        and sessions.use_up_ended(form.session_id, user_id)
    ):
        return form
    return None


def say_dropped() -> None:
    """Tell the person, after the sign-in, that the form it brought along is not used."""
    if request.form.get(FIELD):
        htmx.toast(_(DROPPED, num=LASTS_S // 60), "danger")


def words_of(url: str) -> str:
    """Which form is sent to this path, such as ``Team: reset password``."""
    adapter = request_ctx.url_adapter
    path = urlsplit(url).path.removeprefix(request.script_root)
    try:
        endpoint, parts = adapter.match(path, "POST") if adapter else ("", {})
    except HTTPException:
        return url
    if language() != SOURCE:  # the names of endpoints are English
        return _page_of(endpoint) or path
    area, _dot, action = endpoint.replace("_", " ").partition(".")
    if action == "change state":
        action = parts["verb"]
    return f"{area.capitalize()}: {action}"


def _page_of(endpoint: str) -> str:
    """The page of the menu that has the form, in the language of the reader."""
    pages = cast("list[tuple[str, str, str]]", current_app.jinja_env.globals["menu_pages"])
    area = endpoint.partition(".")[0]
    return next((_(label) for page, label, _icon in pages if page.startswith(f"{area}.")), "")


def _asked(name: str) -> forms.Field:
    known = _secret_fields().get(name)
    label = known.label if known else name.replace("_", " ").capitalize()
    return forms.Field(name, label, "password", required=True)


def continue_page(form: KeptForm) -> str:
    """The page that sends the form after the person signed in again."""
    asked = [_asked(name) for name in form.asks]
    return render_template("auth/continue.html", form=form, words=words_of(form.url), asked=asked)
