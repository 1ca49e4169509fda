"""The exceptions of Relay.

    RelayError
    ├── SettingsError          a setting is missing or wrong: the process does not start
    ├── Unavailable            the database does not answer: try again
    ├── Refusal                a person or a command asked for something that cannot be done
    │   ├── NotFound           the named object does not exist
    │   ├── TooBusy            too much of this kind at once, or too often: try again later
    │   └── Invalid            the input is wrong; has the reasons per field
    ├── IllegalTransition      a state machine has no such transition: a bug
    ├── SecretUnreadable       a stored or referenced secret cannot be read
    │   ├── VaultUnavailable   the vault does not answer: try again
    │   └── VaultSecretMissing the vault does not give this secret: it may be stored or permitted later
    ├── Undeliverable          a delivery cannot be built or sent: a retry does not help
    └── CallFailed             an outbound call got no response (``relay.transport.errors``)

Every message is written for a person: what happened, whose side it is on, what to do now.
"""


class RelayError(Exception):
    """Base of all exceptions that Relay raises.  ``str()`` is a sentence for a person."""


class SettingsError(RelayError):
    """A setting is missing or wrong; the message names it."""


class Unavailable(RelayError):
    """The database cannot be reached or cannot commit at the moment."""


class Refusal(RelayError):
    """The request cannot be done; nothing was changed."""


class NotFound(Refusal):
    """The named object does not exist."""


class TooBusy(Refusal):
    """Too many attempts, or too many at once.  ``retry_after`` is in seconds."""

    def __init__(self, sentence: str, retry_after: int = 1):
        self.retry_after = retry_after
        super().__init__(sentence)


class Invalid(Refusal):
    """The input is wrong.

    ``reasons`` maps a field's name to a list of sentences, as in marshmallow.
    """

    def __init__(self, reasons: dict[str, list[str]]):
        self.reasons = reasons
        super().__init__(" ".join(f"{name}: {' '.join(why)}" for name, why in reasons.items()))


class IllegalTransition(RelayError):
    """The current state has no transition for this signal."""


class SecretUnreadable(RelayError):
    """A secret cannot be read: the encryption key changed, or a reference names nothing."""


class VaultUnavailable(SecretUnreadable):
    """The vault does not answer, is sealed or refuses Relay's token: none of its secrets can be read.

    That ends without a change of any destination, so what needs a secret waits.
    """


class VaultSecretMissing(SecretUnreadable):
    """The vault answers, but it has no such secret, or does not permit Relay to read it."""


class Undeliverable(RelayError):
    """A delivery cannot be built or must not be sent.

    ``code`` is stable, ``str()`` is the sentence, ``field`` is the field of the message at fault.
    """

    def __init__(self, code: str, sentence: str, field: str = ""):
        self.code, self.field = code, field
        super().__init__(sentence)
