"""The one table of refusals: what the sender gets, and what the site's owner reads.

The ingest code raises from it (``raise RefusalCode.TOO_LARGE(limit=…)``).  The OpenAPI document and
the table in ``docs/api.md`` are built from it.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from enum import Enum
from typing import Any, Literal

from relay.i18n import N_


@dataclass(frozen=True, kw_only=True)
class RefusalRow:
    """One row: ``status``, ``error`` and ``detail`` go to the sender, ``sentence`` to the owner.

    ``detail`` and ``sentence`` are templates for ``str.format``.  ``sentence`` says what happened,
    whose side it is on and what to do; text of any length comes last, since the end may be cut off.
    Both are stored and sent in English; a page translates the sentence (see ``relay.stored_text``).
    ``reason`` labels the metric and the rejection; it is ``error`` where none is given.  ``when``
    explains the row in the documentation.  ``retry_after_s`` is the longest time that
    ``Retry-After`` can ask for; None for no such header.  ``endpoint`` is ``events`` or ``keys`` if
    only one of the two signed endpoints uses the row, ``woocommerce`` or ``form`` if only that one does,
    ``none`` for other paths.
    """

    status: int
    error: str
    reason: str = ""
    when: str
    sentence: str
    detail: str | Mapping[str, list[str]] | None = None
    retry_after_s: int | None = None
    endpoint: Literal["events", "keys", "both", "none", "woocommerce", "form"] = "both"


class IngestRefusal(Exception):
    """A refused request.  Only ``RefusalCode`` makes it."""

    def __init__(
        self,
        code: RefusalCode,
        sentence: str,
        detail: Any,
        retry_after_s: int | None,
        source_id: int | None,
    ):
        row = code.value
        self.code, self.status, self.error = code, row.status, row.error
        self.reason = row.reason or row.error
        self.sentence, self.detail = sentence, detail
        self.retry_after_s, self.source_id = retry_after_s, source_id
        # finds a more exact refusal for the owner's page, after the sender got this one
        self.explain: Callable[[], IngestRefusal] | None = None
        super().__init__(sentence)


class RefusalCode(Enum):
    """Every refusal, in the order of the checks.  A member is called to make its exception."""

    UNKNOWN_PATH = RefusalRow(
        status=404,
        error="not_found",
        reason="unknown_path",
        when="No endpoint has this path.",
        sentence=N_(
            "The request was sent to a path that Relay does not have. Copy the endpoint URL from "
            "the site's page into the plugin's settings. The path: {path!a}"
        ),
        detail="Events go to /webhooks/wp or /webhooks/wp/<site>.",
        endpoint="none",
    )
    CONTENT_ENCODING = RefusalRow(
        status=415,
        error="unsupported_encoding",
        reason="content_encoding",
        when="The body is compressed.",
        sentence=N_(
            "The body was compressed, and Relay reads only uncompressed bodies. Turn off the "
            "compression of requests in the sender or in the proxy in front of Relay."
        ),
    )
    INCOMPLETE_BODY = RefusalRow(
        status=400,
        error="invalid_body",
        when="The body is incomplete, or its length is declared wrongly.",
        sentence=N_(
            "The body was incomplete or its length was declared wrongly: the connection from "
            "the site broke, or a proxy changed the request. If this happens again, check the network "
            "and the proxies between the site and Relay."
        ),
        detail="The body is incomplete or wrongly framed.",
    )
    TOO_LARGE = RefusalRow(
        status=413,
        error="too_large",
        when="The body, or the event made from a webhook, is larger than `RELAY_MAX_BODY_BYTES`.",
        sentence=N_(
            "The body, or the event made from it, has more than {limit} bytes. Send fewer "
            "or shorter fields, or raise RELAY_MAX_BODY_BYTES on Relay's server."
        ),
    )
    METHOD_NOT_ALLOWED = RefusalRow(
        status=405,
        error="method_not_allowed",
        reason="method",
        when="The method is not POST.",
        sentence=N_(
            "The request used the method {method!a}, and the endpoint accepts only POST. If the "
            "site's plugin sent it, a redirect changed the method: enter the endpoint URL exactly as "
            "the site's page shows it."
        ),
    )
    MISSING_HEADERS = RefusalRow(
        status=400,
        error="missing_headers",
        when="`X-WP-Timestamp`, `X-Event-Id` or `X-WP-Signature` is missing.",
        sentence=N_(
            "The request did not have {names}. Something other than Relay's plugin sent it, or a "
            "proxy removed the header. If the site's events do not arrive, let the proxy pass all "
            "X- headers."
        ),
        detail="Missing: {names}.",
    )
    REPEATED_HEADERS = RefusalRow(
        status=400,
        error="repeated_headers",
        when="`X-WP-Timestamp`, `X-WP-Signature` or `X-WP-Key-Id` is sent more than once.",
        sentence=N_(
            "The request had the {name} header more than once. The sender or a proxy adds it a "
            "second time: configure it to send the header once."
        ),
        detail="{name} must be sent once.",
    )
    INVALID_EVENT_ID = RefusalRow(
        status=400,
        error="invalid_event_id",
        when="`X-Event-Id` is sent more than once or has other characters than `A-Za-z0-9._:-`.",
        sentence=N_(
            "The X-Event-Id header was sent twice or contains characters that are not allowed. "
            "The sender must send it once, with 1 to 128 of A-Z a-z 0-9 . _ : -"
        ),
        detail="X-Event-Id must be sent once: 1 to 128 of A-Z a-z 0-9 . _ : -",
    )
    UNKNOWN_SOURCE = RefusalRow(
        status=401,
        error="unauthorized",
        reason="unknown_source",
        when="The path names no existing site.",
        sentence=N_(
            "The URL of the request names the site {slug!a}, which Relay does not have. "
            "Copy the endpoint URL from the site's page into the plugin's settings."
        ),
    )
    UNKNOWN_KEY = RefusalRow(
        status=401,
        error="unauthorized",
        reason="unknown_key",
        when="The site has no signing key with the id in `X-WP-Key-Id`.",
        sentence=N_(
            "The request names the signing key {key_id!a}, which does not exist for this site. "
            "Copy the key id and the secret from the site's page into the plugin's settings again."
        ),
    )
    KEY_UNREADABLE = RefusalRow(
        status=401,
        error="unauthorized",
        reason="key_unreadable",
        when="Relay cannot decrypt the secret of the signing key.",
        sentence=N_(
            "Relay cannot decrypt the secret of the signing key {key_id} with "
            "RELAY_ENCRYPTION_KEYS. This is on Relay's side: add the encryption key that was used "
            "before, or rotate the signing key."
        ),
    )
    ADDRESS_NOT_ALLOWED = RefusalRow(
        status=403,
        error="address_not_allowed",
        when="The site has a list of allowed addresses, and the sender's address is not on it.",
        sentence=N_(
            "The request came from {address}, which is not on the site's list of allowed "
            "addresses. If the site sends from there, add the address to the list."
        ),
    )
    MALFORMED_TIME = RefusalRow(
        status=401,
        error="unauthorized",
        reason="malformed_time",
        when="`X-WP-Timestamp` is not 1 to 12 ASCII digits.",
        sentence=N_(
            "The X-WP-Timestamp header was not a time in Unix seconds. Relay's plugin always "
            "sends one: correct the program that sent the request."
        ),
    )
    TIME_UNIT = RefusalRow(
        status=401,
        error="unauthorized",
        reason="time_unit",
        when="`X-WP-Timestamp` is in milliseconds, has a fraction or is a date.",
        sentence=N_(
            "The X-WP-Timestamp header was in {unit}, and Relay expects whole Unix seconds, such "
            "as 1772366400. Correct the program that sent the request."
        ),
    )
    CLOCK_OFF = RefusalRow(
        status=401,
        error="unauthorized",
        reason="clock_off",
        when="The timestamp differs from Relay's clock by more than `RELAY_SIGNATURE_WINDOW_S`.",
        sentence=N_(
            "The request's time was {seconds:.0f} s {direction} Relay's clock; {window_s} s are "
            "allowed. Synchronize the site's clock with NTP. If the clock is right, the request was "
            "delayed, or someone sent a copy of an old one."
        ),
    )
    KEY_REVOKED = RefusalRow(
        status=401,
        error="unauthorized",
        reason="key_revoked",
        when="The signing key was revoked.",
        sentence=N_(
            "The site signs with the key {key_id}, which was revoked. Enter the newest key in "
            "the plugin's settings."
        ),
    )
    KEY_EXPIRED = RefusalRow(
        status=401,
        error="unauthorized",
        reason="key_expired",
        when="The rotation window of the signing key has ended.",
        sentence=N_(
            "The site signs with the key {key_id}, which expired after a rotation. Enter the "
            "newest key in the plugin's settings."
        ),
    )
    KEY_NOT_VALID_YET = RefusalRow(
        status=401,
        error="unauthorized",
        reason="key_not_valid_yet",
        when="The signing key is not valid yet.",
        sentence=N_(
            "The site signs with the key {key_id}, which is not valid yet. Enter a key in the "
            "plugin's settings that is valid now."
        ),
    )
    BAD_SIGNATURE = RefusalRow(
        status=401,
        error="unauthorized",
        reason="bad_signature",
        when="No key of the site made the signature.",
        sentence=N_(
            "The signature matches no signing key: the site has another secret than Relay, or "
            "the body was changed after signing. Compare the key's fingerprint in the plugin with the "
            "one on this page. If they are equal, look for a proxy that changes requests."
        ),
    )
    SIGNATURE_FORM = RefusalRow(
        status=401,
        error="unauthorized",
        reason="signature_form",
        when="A key of the site made the signature, but in another form: in hex, with a prefix, over "
        "the body alone, or with a line break in the secret.",
        sentence=N_(
            "The request was signed with the right secret, of the key {key_id}, but not in the "
            "way that Relay expects. Correct the program that sent it: {corrections}."
        ),
    )
    SIGNATURE_SHAPE = RefusalRow(
        status=401,
        error="unauthorized",
        reason="signature_shape",
        when="`X-WP-Signature` is not base64 of 32 bytes.",
        sentence=N_(
            "The X-WP-Signature header {shape}, and Relay expects base64 of the 32 bytes of "
            "HMAC-SHA256. No signing key made it in any other form either. Correct the program that sent "
            "the request, and compare the key's fingerprint there with the one on this page."
        ),
    )
    FAILURES_RATE_LIMITED = RefusalRow(
        status=429,
        error="rate_limited",
        when="More than 300 requests from the address failed authentication within a minute.",
        sentence=N_(
            "Too many requests from {address} failed authentication within a minute. The last "
            "one: {last}"
        ),
        retry_after_s=60,
    )
    EVENTS_RATE_LIMITED = RefusalRow(
        status=429,
        error="rate_limited",
        when="The site sent more events than its limit per minute.",
        sentence=N_(
            "The site sent more than its limit of {per_minute} events per minute and was asked "
            "to wait. If the site needs more, raise its limit."
        ),
        retry_after_s=60,
    )
    KEY_REQUESTS_RATE_LIMITED = RefusalRow(
        status=429,
        error="rate_limited",
        when="The site sent more than 20 key requests within a minute.",
        sentence=N_(
            "The site requested its signing keys too often and was asked to wait. If this "
            "happens again, check whether a copy of the site uses the same key."
        ),
        retry_after_s=60,
        endpoint="keys",
    )
    CONTENT_TYPE = RefusalRow(
        status=415,
        error="unsupported_media_type",
        reason="content_type",
        when="The body is not declared as JSON or plain text in UTF-8.",
        sentence=N_(
            "The site declared the body as {content_type!a}, and Relay reads only JSON in "
            "UTF-8. The sender must set Content-Type: application/json."
        ),
    )
    INVALID_JSON = RefusalRow(
        status=400,
        error="invalid_json",
        when="The body is not one object in strict JSON.",
        sentence=N_(
            "The site sent a body that Relay cannot read as JSON. Correct the program that "
            "sends it; for Relay's plugin, install the newest version. {problem}"
        ),
        detail="{problem}",
    )
    EVENT_ID_MISMATCH = RefusalRow(
        status=400,
        error="event_id_mismatch",
        when="`X-Event-Id` and `event_id` in the body differ.",
        sentence=N_(
            "The X-Event-Id header and the body's event_id are not the same. The sender must "
            "use one id for both."
        ),
        detail="The X-Event-Id header and the body's event_id are not the same.",
        endpoint="events",
    )
    INVALID_EVENT = RefusalRow(
        status=422,
        error="invalid_event",
        when="The event does not match the schema of its type. `detail` lists the reasons by field.",
        sentence=N_(
            "The site sent an event that does not match the schema of its type. Correct the "
            "program that sends it; for Relay's plugin, install the newest version. {problems}"
        ),
        endpoint="events",
    )
    INVALID_KEY_REQUEST = RefusalRow(
        status=422,
        error="invalid_question",
        when="`want` in a key request is not `state` or `key`.",
        sentence=N_(
            "The site sent a key request in which want is neither state nor key. Correct the "
            "program that sends it; for Relay's plugin, install the newest version."
        ),
        detail={"want": ["Must be state or key."]},
        endpoint="keys",
    )
    KEY_ENDED = RefusalRow(
        status=401,
        error="unauthorized",
        reason="key_revoked",
        when="The signing key ended while the site requested the newer one.",
        sentence=N_(
            "The signing key {key_id} ended while the site requested the newer one with it. "
            "Enter the newest key in the plugin's settings."
        ),
        endpoint="keys",
    )
    KEY_HANDED_OVER = RefusalRow(
        status=409,
        error="key_not_handed_over",
        reason="key_handed_over",
        when="The newer key was sent before to a request that the same key signed. That happens once.",
        sentence=N_(
            "A request signed with the key {key_id} asked for the newer key, which Relay sent before "
            "and sends only once. If the site has the newer key, someone else has the old one: rotate the "
            "key with the reason that it may have leaked. Else copy the newer key into the plugin's settings, "
            "after another rotation."
        ),
        detail="The newer key was sent before. Copy it by hand.",
        endpoint="keys",
    )
    KEY_TO_UNKNOWN_ADDRESS = RefusalRow(
        status=409,
        error="key_not_handed_over",
        reason="key_to_unknown_address",
        when="No accepted event came from the sender's address before the key was rotated.",
        sentence=N_(
            "A request signed with the key {key_id} asked for the newer key, and no accepted event "
            "came from its address before the rotation. If the site has a new address, rotate the key again "
            "and copy it by hand. Else someone has the key: rotate it with the reason that it may have "
            "leaked. The address: {address}"
        ),
        detail="The newer key is sent only to an address that the site sent events from. Copy it by hand.",
        endpoint="keys",
    )
    WEBHOOK_HEADERS = RefusalRow(
        status=400,
        error="missing_headers",
        when="`X-WC-Webhook-Topic` or `X-WC-Webhook-Signature` is missing or malformed.",
        sentence=N_(
            "The request has no valid X-WC-Webhook-Topic or X-WC-Webhook-Signature header. Something "
            "other than WooCommerce sent it, or a proxy removed the headers. If the shop's webhooks do not "
            "arrive, let the proxy pass all X- headers."
        ),
        detail="Missing: X-WC-Webhook-Topic or X-WC-Webhook-Signature.",
        endpoint="woocommerce",
    )
    WEBHOOK_SIGNATURE = RefusalRow(
        status=401,
        error="unauthorized",
        reason="bad_signature",
        when="No secret of the site made the signature in `X-WC-Webhook-Signature`.",
        sentence=N_(
            "The webhook's signature matches no secret of this site. In WooCommerce, open the webhook "
            "under Settings → Advanced → Webhooks, enter the secret from this page in the field Secret and save. "
            "If you no longer have it, rotate the secret first."
        ),
        endpoint="woocommerce",
    )
    WEBHOOK_PAYLOAD = RefusalRow(
        status=422,
        error="invalid_event",
        when="The webhook has no data that Relay can read. `detail` says why.",
        sentence=N_(
            "The webhook {topic!a} has no data that Relay can read. In WooCommerce, set the API version "
            "of the webhook to the newest one, and let a user save it who may see orders, products and "
            "customers. {problems}"
        ),
        detail="{problems}",
        endpoint="woocommerce",
    )
    TOKEN_MISSING = RefusalRow(
        status=401,
        error="unauthorized",
        reason="missing_token",
        when="The request has no `Authorization: Bearer …` header.",
        sentence=N_(
            "The request has no token. In the settings of the form's webhook, add the header "
            "Authorization with the value: Bearer, a space, and the token of this site."
        ),
        endpoint="form",
    )
    BAD_TOKEN = RefusalRow(
        status=401,
        error="unauthorized",
        reason="bad_token",
        when="The site has no such token.",
        sentence=N_(
            "The request has a token that this site does not have. Enter the site's token in the "
            "settings of the form's webhook. If you no longer have it, rotate the token first."
        ),
        endpoint="form",
    )
    FORM_CONTENT_TYPE = RefusalRow(
        status=415,
        error="unsupported_media_type",
        reason="content_type",
        when="The body is neither JSON nor a form.",
        sentence=N_(
            "The form's webhook declared its body as {content_type!a}. Set its format to JSON or to "
            "form fields."
        ),
        endpoint="form",
    )
    FORM_BODY = RefusalRow(
        status=422,
        error="invalid_event",
        reason="invalid_form",
        when="The body has no fields, or is not strict JSON or a form in UTF-8. `detail` says why.",
        sentence=N_(
            "The form's webhook sent a body that Relay cannot read as a form. Check in the settings of "
            "the webhook that all fields are sent. {problem}"
        ),
        detail="{problem}",
        endpoint="form",
    )
    UNSTORABLE = RefusalRow(
        status=400,
        error="invalid_body",
        reason="unstorable",
        when="The database accepts other events and rejects this one for its content.",
        sentence=N_(
            "The event passed all checks, but Relay's database rejects its content, and accepts "
            "other events. The site does not need to change: report it to the operators of Relay, with "
            "the event id."
        ),
        detail="The database cannot keep this event.",
        endpoint="events",
    )
    EVENT_ID_CONFLICT = RefusalRow(
        status=409,
        error="event_id_conflict",
        when="An event with the same id and another body was stored before. Relay keeps the first.",
        sentence=N_(
            "The site sent another event with the id {event_id} before, and Relay keeps that "
            "one. The sender must use a new id for each event."
        ),
        endpoint="events",
    )
    UNAVAILABLE = RefusalRow(
        status=503,
        error="unavailable",
        when="Relay cannot store the event now. Send it again.",
        sentence=N_(
            "Relay could not process the request and asked the site to send it again. This is "
            "on Relay's side: run flask doctor, which says why no event can be stored."
        ),
        retry_after_s=5,
    )

    def __call__(
        self,
        *,
        source_id: int | None = None,
        detail: Any = None,
        retry_after_s: int | None = None,
        **facts: object,
    ) -> IngestRefusal:
        """The exception; ``facts`` fill the templates, ``source_id`` is the site it belongs to."""
        row = self.value
        if detail is None:
            detail = row.detail.format(**facts) if isinstance(row.detail, str) else row.detail
        return IngestRefusal(
            self,
            row.sentence.format(**facts),
            detail,
            row.retry_after_s if retry_after_s is None else retry_after_s,
            source_id,
        )
