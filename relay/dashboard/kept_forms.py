"""A form that could not be accepted because its session had ended: kept until the person signed in again.

It travels sealed through the pages of the sign-in.  After it, the person sees what was kept and sends it
with one click: the usual checks of the role, of a proof and of the token follow then.
"""

from __future__ import annotations

import json
import time
from dataclasses import dataclass
from urllib.parse import urlsplit

from flask import render_template, request

from relay import secrets
from relay.errors import SecretUnreadable

LASTS_S = 3600
FIELD = "kept_form"
LARGEST = 200_000  # characters of all values


@dataclass(frozen=True)
class KeptForm:
    """``url`` is the path that it is sent to, ``back`` the page that has the form."""

    url: str
    fields: list[tuple[str, str]]
    back: str = "/"


def posted_fields() -> list[tuple[str, str]]:
    """The posted fields, for hidden inputs of a page in between."""
    return [
        (name, value)
        for name, value in request.form.items(multi=True)
        if name != "csrf_token" and not name.startswith("proof_")
    ]


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
    """The form of this request; None if it comes from elsewhere or is too large."""
    fields = posted_fields()
    if not is_own() or sum(len(name) + len(value) for name, value in fields) > LARGEST:
        return None
    return KeptForm(request.full_path.rstrip("?"), fields, back)


def seal(form: KeptForm) -> str:
    content = {"url": form.url, "fields": form.fields, "back": form.back, "at": int(time.time())}
    return secrets.seal({FIELD: json.dumps(content)})


def posted() -> KeptForm | None:
    """The form that the sign-in page of this request brings along; None if it is too old or changed."""
    sealed = request.form.get(FIELD, "")
    try:
        found = json.loads(secrets.open_sealed(sealed)[FIELD]) if sealed else None
    except (SecretUnreadable, KeyError, ValueError):
        return None
    if found is None or not 0 <= time.time() - found["at"] < LASTS_S:
        return None
    return KeptForm(found["url"], [(name, value) for name, value in found["fields"]], found["back"])


def continue_page(form: KeptForm) -> str:
    """The page that sends the form after the person signed in again."""
    return render_template("auth/continue.html", form=form)
