"""The whole error tree.

    RelayError
    ├── SettingsError          a setting is missing or wrong: the process does not start
    ├── Unavailable            a service we stand on (database) does not answer: try again
    ├── Refusal                a person or a command asked for something that cannot be done
    │   ├── NotFound
    │   └── Invalid            carries the reasons per field
    ├── IllegalTransition      a state machine was asked for a step it does not have: a bug
    ├── SecretUnreadable       a sealed or referenced secret cannot be opened
    └── Undeliverable          a delivery cannot be built: time will not help

Every message is a sentence for a person: what happened, whose side it is on, what to do now.
"""


class RelayError(Exception):
    """Base of everything that Relay raises on purpose; ``str()`` is a sentence for a person."""


class SettingsError(RelayError):
    """A setting is missing or wrong.  The message names the setting."""


class Unavailable(RelayError):
    """The database cannot be reached or cannot commit right now."""


class Refusal(RelayError):
    """What was asked for cannot be done; nothing was changed."""


class NotFound(Refusal):
    """The thing that was named does not exist."""


class Invalid(Refusal):
    """Input was refused.

    ``reasons`` maps a field's name to a list of sentences, as marshmallow does.
    """

    def __init__(self, reasons: dict[str, list[str]]):
        self.reasons = reasons
        super().__init__(" ".join(f"{name}: {' '.join(why)}" for name, why in reasons.items()))


class IllegalTransition(RelayError):
    """A state has no step for this signal."""


class SecretUnreadable(RelayError):
    """A stored secret cannot be opened: the encryption key changed or a reference leads nowhere."""


class Undeliverable(RelayError):
    """A delivery cannot be built or may not be sent.

    ``code`` is stable, ``str()`` is the sentence, ``field`` the part of the message that is to blame.
    """

    def __init__(self, code: str, sentence: str, field: str = ""):
        self.code, self.field = code, field
        super().__init__(sentence)
