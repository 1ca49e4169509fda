"""Every error that HubSpot documents: what it means, and what a person does about it.

Sources: https://developers.hubspot.com/docs/api-reference/error-handling (statuses, categories), the
property validations of its changelog, and the reference of form submissions (``errorType``).
"""

from __future__ import annotations

from relay.destinations.outcomes.known_errors import ErrorAction, KnownError

RETRY, WAIT, PAUSE, FIX = ErrorAction.RETRY, ErrorAction.WAIT, ErrorAction.PAUSE, ErrorAction.FIX
RENEW = "Make a new access token in HubSpot, enter it in the settings and resume."
REMAP = "Choose another field in the mapping, or make it in HubSpot, then send again."
FORM = "Check the form in HubSpot and its id in the settings, then resume."

CATEGORIES: dict[str, KnownError] = {
    "INVALID_AUTHENTICATION": KnownError(
        PAUSE, "bad_token", f"HubSpot does not accept the access token. {RENEW}"
    ),
    "EXPIRED_AUTHENTICATION": KnownError(
        PAUSE, "expired_token", f"HubSpot says that the access token has expired. {RENEW}"
    ),
    "UNAUTHORIZED": KnownError(
        PAUSE, "bad_token", f"HubSpot does not accept the access token. {RENEW}"
    ),
    "MISSING_SCOPES": KnownError(
        PAUSE,
        "missing_scopes",
        "The access token may not do this. Add the missing scopes to the private app in HubSpot, then resume.",
    ),
    "BANNED": KnownError(
        PAUSE, "banned", "HubSpot has blocked this app. Ask HubSpot's support, then resume."
    ),
    "VALIDATION_ERROR": KnownError(
        FIX, "bad_record", "HubSpot does not accept what was written. Compare it with the mapping."
    ),
    "INVALID_OPTION": KnownError(
        FIX, "bad_record", "HubSpot does not accept what was written. Compare it with the mapping."
    ),
    "OBJECT_NOT_FOUND": KnownError(
        FIX, "not_found", "HubSpot does not find what this message belongs to. It may be deleted."
    ),
    "CONFLICT": KnownError(
        RETRY, "conflict", "HubSpot was writing the same record just then. Relay tries again."
    ),
    "OBJECT_ALREADY_EXISTS": KnownError(
        RETRY, "conflict", "HubSpot was writing the same record just then. Relay tries again."
    ),
    "CAPACITY_EXCEEDED": KnownError(
        PAUSE, "account_full", "Your HubSpot account is full. Make room or extend it, then resume."
    ),
    "RATE_LIMITS": KnownError(
        WAIT, "rate_limited", "HubSpot gets more calls than your account may make."
    ),
}
STATUSES: dict[int, KnownError] = {
    401: CATEGORIES["INVALID_AUTHENTICATION"],
    403: CATEGORIES["MISSING_SCOPES"],
    404: KnownError(
        PAUSE,
        "wrong_address",
        "HubSpot does not know this address. Check its version and address in the settings, then resume.",
    ),
    409: CATEGORIES["CONFLICT"],
    414: KnownError(
        FIX, "too_long", "HubSpot does not take this record: it or its history is too large."
    ),
    423: KnownError(
        WAIT, "locked", "HubSpot has locked the account for a moment: too much at once."
    ),
    429: CATEGORIES["RATE_LIMITS"],
    477: KnownError(
        WAIT,
        "moving",
        "HubSpot is moving your account to another place. Relay waits until it is over.",
    ),
    500: KnownError(RETRY, "hubspot_trouble", "HubSpot has trouble of its own. Relay tries again."),
    502: KnownError(RETRY, "hubspot_busy", "HubSpot has too much to do. Relay tries again."),
    503: KnownError(RETRY, "hubspot_away", "HubSpot is away for a moment. Relay tries again."),
    504: KnownError(RETRY, "hubspot_busy", "HubSpot has too much to do. Relay tries again."),
    521: KnownError(RETRY, "hubspot_away", "HubSpot's server is down. Relay tries again."),
    522: KnownError(
        RETRY, "hubspot_slow", "HubSpot's server did not answer in time. Relay tries again."
    ),
    523: KnownError(
        RETRY, "hubspot_away", "HubSpot's server cannot be reached. Relay tries again."
    ),
    524: KnownError(
        RETRY, "hubspot_slow", "HubSpot's server did not answer in time. Relay tries again."
    ),
    525: KnownError(
        RETRY, "hubspot_away", "HubSpot's server has a broken certificate. Relay tries again."
    ),
    526: KnownError(
        RETRY, "hubspot_away", "HubSpot's server has a broken certificate. Relay tries again."
    ),
}
DAILY = KnownError(
    WAIT,
    "daily_limit",
    "Today's calls to HubSpot are used up. Relay goes on at midnight in your HubSpot account.",
)
MOMENT_S = {423: 2.0, 502: 5.0, 503: 5.0, 504: 5.0}  # where it says nothing better itself

# what is wrong with a field, by HubSpot's word for it: our code and the rest of the sentence
FIELD_ERRORS: dict[str, tuple[str, str]] = {
    "PROPERTY_DOESNT_EXIST": ("unknown_property", f"it does not exist in your account. {REMAP}"),
    "READ_ONLY_VALUE": ("read_only_property", f"only HubSpot itself may change it. {REMAP}"),
    "INVALID_EMAIL": ("bad_value", "this is no e-mail address that it takes."),
    "INVALID_OPTION": ("bad_value", "it is not one of the choices there."),
    "INVALID_INTEGER": ("bad_value", "it is not a whole number."),
    "INVALID_LONG": ("bad_value", "it is not a whole number."),
    "INVALID_NUMBER": ("bad_value", "it is not a number."),
    "INVALID_DATE": ("bad_value", "it is not a date."),
    "INVALID_ALPHA": ("bad_value", "your rules there allow letters only."),
    "INVALID_PHONE_NUMBER": ("bad_value", "it is not a telephone number."),
    "CONFLICTING_UNIQUE_VALUE": ("value_taken", "another record has it already."),
    "REQUIRED_PROPERTY_MISSING": ("missing_value", "it must not be empty."),
}
FORM_ERRORS: dict[str, KnownError] = {
    "FORM_NOT_FOUND": KnownError(PAUSE, "form_unknown", f"HubSpot does not know this form. {FORM}"),
    "FIELD_NOT_IN_FORM_DEFINITION": KnownError(
        FIX,
        "not_in_form",
        "The form in HubSpot does not have this field. Add it there, or unmap it.",
    ),
    "REQUIRED_FIELD": KnownError(FIX, "missing_value", "The form in HubSpot needs this field."),
    "INVALID_EMAIL": KnownError(FIX, "bad_value", "HubSpot does not take this e-mail address."),
    "BLOCKED_EMAIL": KnownError(
        FIX, "blocked_email", "The form in HubSpot blocks this e-mail address."
    ),
    "INVALID_NUMBER": KnownError(FIX, "bad_value", "HubSpot wants a number there."),
    "NUMBER_OUT_OF_RANGE": KnownError(
        FIX, "bad_value", "The number is outside what the form takes."
    ),
    "VALUE_NOT_IN_FIELD_DEFINITION": KnownError(
        FIX, "bad_value", "The value is not one of the form's choices."
    ),
    "INPUT_TOO_LARGE": KnownError(FIX, "too_long", "The text is too long for HubSpot's form."),
    "MAX_NUMBER_OF_SUBMITTED_VALUES_EXCEEDED": KnownError(
        FIX, "too_many_values", "HubSpot's form takes at most 1000 values."
    ),
    "INVALID_METADATA": KnownError(
        FIX, "bad_record", "HubSpot does not take what is said about the page."
    ),
    "INVALID_PAGE_URI": KnownError(FIX, "bad_value", "HubSpot does not take the page's address."),
    "INVALID_HUTK": KnownError(
        FIX, "bad_value", "HubSpot does not take the visitor's tracking number."
    ),
    "INVALID_IP_ADDRESS": KnownError(
        FIX, "bad_value", "HubSpot does not take the visitor's address."
    ),
    "INVALID_LEGAL_OPTION_FORMAT": KnownError(
        FIX,
        "bad_consent",
        "HubSpot does not take the consent so. Check the form's consent options.",
    ),
    "MISSING_PROCESSING_CONSENT": KnownError(
        FIX, "no_consent", "The form in HubSpot needs the visitor's consent, and there is none."
    ),
    "MISSING_PROCESSING_CONSENT_TEXT": KnownError(
        FIX, "no_consent", "Enter what visitors agree to in the destination's settings."
    ),
    "MISSING_COMMUNICATION_CONSENT_TEXT": KnownError(
        FIX,
        "no_consent",
        "The form asks for consent to messages. Take that off the form in HubSpot.",
    ),
    "MISSING_LEGITIMATE_INTEREST_TEXT": KnownError(
        FIX,
        "no_consent",
        "The form asks for a legitimate interest. Take that off the form in HubSpot.",
    ),
    "DUPLICATE_SUBSCRIPTION_TYPE_ID": KnownError(
        FIX, "bad_consent", "The form names the same kind of message twice. Mend it in HubSpot."
    ),
    "HAS_RECAPTCHA_ENABLED": KnownError(
        PAUSE,
        "form_has_captcha",
        "The form asks for a CAPTCHA, which no machine can answer. " + FORM,
    ),
}
