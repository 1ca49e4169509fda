"""One view, one context, one URL: a whole page, or the fragment of it that htmx asked for."""

from __future__ import annotations

from typing import Any, Literal

from flask import Flask, Response, flash, make_response, render_template, request, session
from flask import redirect as see_other

ToastKind = Literal["success", "danger"]


def is_htmx() -> bool:
    return request.headers.get("HX-Request") == "true"


def wants_fragment() -> bool:
    """Whether a part is enough: a history restore and a boosted link get the whole page."""
    headers = request.headers
    return is_htmx() and not ("HX-History-Restore-Request" in headers or "HX-Boosted" in headers)


def respond(
    page_template: str, fragment_template: str, status: int = 200, **context: Any
) -> Response:
    """The fragment for htmx, with the toasts that wait; else the page."""
    if wants_fragment():
        html = render_template(fragment_template, **context)
        if session.get("_flashes"):
            html += render_template("_toasts.html", oob=True)
    else:
        html = render_template(page_template, **context)
    response = make_response(html, status)
    response.vary.add("HX-Request")
    return response


def redirect(url: str) -> Response:
    """Go on to ``url`` with a GET: 303, or the header that htmx follows."""
    if not is_htmx():
        return make_response(see_other(url, 303))
    response = make_response("", 204)
    response.headers["HX-Redirect"] = url
    response.vary.add("HX-Request")
    return response


def toast(text: str, kind: ToastKind = "success", href: str = "", action: str = "") -> None:
    """Say something at the corner of the next page or fragment; ``action`` leads to ``href``."""
    said = {"text": text, "href": href, "action": action}
    flash(said, kind)  # type: ignore[arg-type]  # the session keeps any JSON


def toast_only(text: str, status: int) -> Response:
    """An answer to htmx that changes nothing but says why."""
    response = make_response(
        render_template("_toast.html", kind="danger", said={"text": text}), status
    )
    response.headers["HX-Retarget"] = "#toasts"
    response.headers["HX-Reswap"] = "beforeend"
    response.vary.add("HX-Request")
    return response


def init_app(app: Flask) -> None:
    app.context_processor(lambda: {"is_fragment": wants_fragment()})
