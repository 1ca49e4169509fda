"""One view and one URL answer with a whole page, or with the fragment that htmx requests."""

from __future__ import annotations

from typing import Any, Literal

from flask import Flask, Response, flash, make_response, render_template, request, session
from flask import redirect as see_other

ToastKind = Literal["success", "danger"]


def is_htmx() -> bool:
    return request.headers.get("HX-Request") == "true"


def wants_fragment() -> bool:
    """Whether to answer with a fragment: history restores and boosted links need the whole page."""
    headers = request.headers
    return is_htmx() and not ("HX-History-Restore-Request" in headers or "HX-Boosted" in headers)


def respond(
    page_template: str, fragment_template: str, status: int = 200, **context: Any
) -> Response:
    """The fragment and any pending toasts for htmx; otherwise the page."""
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
    """Redirect to ``url`` with a GET: 303, or the header that htmx follows."""
    if not is_htmx():
        return make_response(see_other(url, 303))
    response = make_response("", 204)
    response.headers["HX-Redirect"] = url
    response.vary.add("HX-Request")
    return response


def toast(text: str, kind: ToastKind = "success", href: str = "", action: str = "") -> None:
    """Show a toast on the next page or fragment; ``action`` is the text of a link to ``href``."""
    message = {"text": text, "href": href, "action": action}
    flash(message, kind)  # type: ignore[arg-type]  # the session stores any JSON


def toast_only(text: str, status: int) -> Response:
    """A response that changes nothing on the page and shows the reason as a toast."""
    response = make_response(
        render_template("_toast.html", kind="danger", toast={"text": text}), status
    )
    response.headers["HX-Retarget"] = "#toasts"
    response.headers["HX-Reswap"] = "beforeend"
    response.vary.add("HX-Request")
    return response


def init_app(app: Flask) -> None:
    app.context_processor(lambda: {"is_fragment": wants_fragment()})
