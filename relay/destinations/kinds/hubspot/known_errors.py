"""Every error that HubSpot documents, with what Relay does and a sentence for a person.

Sources: https://developers.hubspot.com/docs/api-reference/error-handling (statuses, categories), the
property validations of its changelog, and the reference of form submissions (``errorType``).
"""

from __future__ import annotations

from relay.destinations.outcomes.known_errors import ErrorAction, KnownError
from relay.i18n import N_

RETRY, WAIT, PAUSE, FIX = ErrorAction.RETRY, ErrorAction.WAIT, ErrorAction.PAUSE, ErrorAction.FIX
RENEW = N_("Create a new access token in HubSpot, enter it in the settings and resume.")
REMAP = N_(
    "Choose another field in the mapping, or create this one in HubSpot. Then replay the delivery."
)
FORM = N_("Check the form in HubSpot and its id in the settings, then resume.")
INTERNAL = N_("HubSpot has an internal error. Relay retries.")
OVERLOADED = N_("HubSpot is overloaded. Relay retries.")
SLOW = N_("HubSpot's server did not respond in time. Relay retries.")
CERTIFICATE = N_("HubSpot's server has an invalid certificate. Relay retries.")

CATEGORIES: dict[str, KnownError] = {
    "INVALID_AUTHENTICATION": KnownError(
        PAUSE, "bad_token", " ".join((N_("HubSpot does not accept the access token."), RENEW))
    ),
    "EXPIRED_AUTHENTICATION": KnownError(
        PAUSE, "expired_token", " ".join((N_("The access token for HubSpot has expired."), RENEW))
    ),
    "UNAUTHORIZED": KnownError(
        PAUSE, "bad_token", " ".join((N_("HubSpot does not accept the access token."), RENEW))
    ),
    "MISSING_SCOPES": KnownError(
        PAUSE,
        "missing_scopes",
        N_(
            "The access token does not have the required scopes. Add them to the private app in HubSpot, "
            "then resume."
        ),
    ),
    "BANNED": KnownError(
        PAUSE, "banned", N_("HubSpot has blocked this app. Contact HubSpot's support, then resume.")
    ),
    "VALIDATION_ERROR": KnownError(
        FIX, "bad_record", N_("HubSpot does not accept this record. Compare it with the mapping.")
    ),
    "INVALID_OPTION": KnownError(
        FIX, "bad_record", N_("HubSpot does not accept this record. Compare it with the mapping.")
    ),
    "OBJECT_NOT_FOUND": KnownError(
        FIX,
        "not_found",
        N_(
            "The record in HubSpot that this message refers to does not exist. Check whether it was "
            "deleted."
        ),
    ),
    "CONFLICT": KnownError(
        RETRY, "conflict", N_("HubSpot was changing the same record at that time. Relay retries.")
    ),
    "OBJECT_ALREADY_EXISTS": KnownError(
        RETRY, "conflict", N_("HubSpot was changing the same record at that time. Relay retries.")
    ),
    "CAPACITY_EXCEEDED": KnownError(
        PAUSE,
        "account_full",
        N_(
            "Your HubSpot account is full. Delete records there or upgrade the account, then resume."
        ),
    ),
    "RATE_LIMITS": KnownError(
        WAIT,
        "rate_limited",
        N_("The calls to HubSpot exceed your account's rate limit. Relay waits until it resets."),
    ),
}
STATUSES: dict[int, KnownError] = {
    401: CATEGORIES["INVALID_AUTHENTICATION"],
    403: CATEGORIES["MISSING_SCOPES"],
    404: KnownError(
        PAUSE,
        "wrong_address",
        N_(
            "This URL does not exist at HubSpot. Check the API version and the URL in the settings, then "
            "resume."
        ),
    ),
    409: CATEGORIES["CONFLICT"],
    414: KnownError(
        FIX,
        "too_long",
        N_("This record, or its history in HubSpot, is too large. Shorten the mapping."),
    ),
    423: KnownError(
        WAIT,
        "locked",
        N_(
            "HubSpot has locked your account briefly, because of too many calls at once. Relay waits."
        ),
    ),
    429: CATEGORIES["RATE_LIMITS"],
    477: KnownError(
        WAIT,
        "moving",
        N_(
            "HubSpot is migrating your account to another data center. Relay waits until it is done."
        ),
    ),
    500: KnownError(RETRY, "hubspot_trouble", INTERNAL),
    502: KnownError(RETRY, "hubspot_busy", OVERLOADED),
    503: KnownError(
        RETRY, "hubspot_away", N_("HubSpot is temporarily unavailable. Relay retries.")
    ),
    504: KnownError(RETRY, "hubspot_busy", OVERLOADED),
    521: KnownError(RETRY, "hubspot_away", N_("HubSpot's server is down. Relay retries.")),
    522: KnownError(RETRY, "hubspot_slow", SLOW),
    523: KnownError(
        RETRY, "hubspot_away", N_("HubSpot's server cannot be reached. Relay retries.")
    ),
    524: KnownError(RETRY, "hubspot_slow", SLOW),
    525: KnownError(RETRY, "hubspot_away", CERTIFICATE),
    526: KnownError(RETRY, "hubspot_away", CERTIFICATE),
}
DAILY = KnownError(
    WAIT,
    "daily_limit",
    N_(
        "Today's quota of calls to HubSpot is used up. Relay continues after midnight in the time zone of "
        "your HubSpot account."
    ),
)
DEFAULT_WAIT_S = {423: 2.0, 502: 5.0, 503: 5.0, 504: 5.0}  # by status, without a Retry-After

# Errors of one field, by HubSpot's code: Relay's code, and the reason.
FIELD_ERRORS: dict[str, tuple[str, str]] = {
    "PROPERTY_DOESNT_EXIST": (
        "unknown_property",
        " ".join((N_("it does not exist in your account."), REMAP)),
    ),
    "READ_ONLY_VALUE": (
        "read_only_property",
        " ".join((N_("only HubSpot can change this field."), REMAP)),
    ),
    "INVALID_EMAIL": ("bad_value", N_("it is not a valid e-mail address.")),
    "INVALID_OPTION": ("bad_value", N_("it is not one of the options there.")),
    "INVALID_INTEGER": ("bad_value", N_("it is not a whole number.")),
    "INVALID_LONG": ("bad_value", N_("it is not a whole number or, for a date, not a date.")),
    "INVALID_NUMBER": ("bad_value", N_("it is not a number.")),
    "INVALID_DATE": ("bad_value", N_("it is not a date.")),
    "LEADING_TRAILING_WHITESPACE": ("bad_value", N_("it begins or ends with a space.")),
    "INVALID_ALPHA": ("bad_value", N_("the field's rules in HubSpot allow only letters.")),
    "INVALID_PHONE_NUMBER": ("bad_value", N_("it is not a phone number.")),
    "CONFLICTING_UNIQUE_VALUE": ("value_taken", N_("another record already has it.")),
    "REQUIRED_PROPERTY_MISSING": ("missing_value", N_("it must not be empty.")),
}
FORM_ERRORS: dict[str, KnownError] = {
    "FORM_NOT_FOUND": KnownError(
        PAUSE, "form_unknown", " ".join((N_("This form does not exist in HubSpot."), FORM))
    ),
    "FIELD_NOT_IN_FORM_DEFINITION": KnownError(
        FIX,
        "not_in_form",
        N_(
            "The form in HubSpot does not have this field. Add it to the form, or remove it from the "
            "mapping."
        ),
    ),
    "REQUIRED_FIELD": KnownError(
        FIX, "missing_value", N_("The form in HubSpot requires this field. Map a value to it.")
    ),
    "INVALID_EMAIL": KnownError(
        FIX, "bad_value", N_("HubSpot does not accept this e-mail address. Check its spelling.")
    ),
    "BLOCKED_EMAIL": KnownError(
        FIX, "blocked_email", N_("The form in HubSpot blocks this e-mail address.")
    ),
    "INVALID_NUMBER": KnownError(
        FIX, "bad_value", N_("HubSpot expects a number in this field. Map a number to it.")
    ),
    "NUMBER_OUT_OF_RANGE": KnownError(
        FIX, "bad_value", N_("The number is outside the range that the form in HubSpot allows.")
    ),
    "VALUE_NOT_IN_FIELD_DEFINITION": KnownError(
        FIX, "bad_value", N_("The value is not one of the options of the form in HubSpot.")
    ),
    "INPUT_TOO_LARGE": KnownError(
        FIX,
        "too_long",
        N_("The text is too long for the form in HubSpot. Shorten it in the mapping."),
    ),
    "MAX_NUMBER_OF_SUBMITTED_VALUES_EXCEEDED": KnownError(
        FIX,
        "too_many_values",
        N_("A form in HubSpot accepts at most 1,000 values. Map fewer fields."),
    ),
    "INVALID_METADATA": KnownError(
        FIX, "bad_record", N_("HubSpot does not accept the details of the page that were sent.")
    ),
    "INVALID_PAGE_URI": KnownError(
        FIX, "bad_value", N_("HubSpot does not accept the URL of the page.")
    ),
    "INVALID_HUTK": KnownError(
        FIX, "bad_value", N_("HubSpot does not accept the visitor's tracking cookie.")
    ),
    "INVALID_IP_ADDRESS": KnownError(
        FIX, "bad_value", N_("HubSpot does not accept the visitor's IP address.")
    ),
    "INVALID_LEGAL_OPTION_FORMAT": KnownError(
        FIX,
        "bad_consent",
        N_("HubSpot does not accept the consent in this form. Check the form's consent options."),
    ),
    "MISSING_PROCESSING_CONSENT": KnownError(
        FIX,
        "no_consent",
        N_("The form in HubSpot requires the visitor's consent, which is missing."),
    ),
    "MISSING_PROCESSING_CONSENT_TEXT": KnownError(
        FIX,
        "no_consent",
        N_(
            "The form in HubSpot requires the text of the consent. Enter it in the destination's settings."
        ),
    ),
    "MISSING_COMMUNICATION_CONSENT_TEXT": KnownError(
        FIX,
        "no_consent",
        N_(
            "The form requires consent to communications. Remove that option from the form in HubSpot."
        ),
    ),
    "MISSING_LEGITIMATE_INTEREST_TEXT": KnownError(
        FIX,
        "no_consent",
        N_("The form requires a legitimate interest. Remove that option from the form in HubSpot."),
    ),
    "DUPLICATE_SUBSCRIPTION_TYPE_ID": KnownError(
        FIX,
        "bad_consent",
        N_("The form in HubSpot has the same subscription type twice. Remove one of them there."),
    ),
    "HAS_RECAPTCHA_ENABLED": KnownError(
        PAUSE,
        "form_has_captcha",
        " ".join(
            (
                N_(
                    "The form requires a CAPTCHA, which Relay cannot solve. Turn it off in HubSpot."
                ),
                FORM,
            )
        ),
    ),
}
