"""Labels are read by whole words."""

from __future__ import annotations

import pytest

from relay.mapping.lead_words import fit, words_of


@pytest.mark.parametrize(
    ("label", "words"),
    [
        ("your-name", "your name"),
        ("tel-123", "tel"),
        ("yourEMail", "your email"),
        ("E-Mail-Adresse *", "email adresse"),
        ("e-postadress", "epostadress"),
        ("names[first_name]", "names first name"),
        ("Prénom :", "prenom"),
        ("Imię i nazwisko", "imie i nazwisko"),
        ("GESCHÄFTSADRESSE (straße)", "geschaftsadresse strasse"),
        ("1. Company / Organisation", "company organisation"),
        ("", ""),
        ("🙂 42", ""),
    ],
)
def test_a_label_is_split_into_plain_words(label: str, words: str) -> None:
    assert " ".join(words_of(label)) == words


@pytest.mark.parametrize(
    ("label", "role", "how"),
    [
        ("Your name", "name", 2),
        ("Username", "name", 0),
        ("Company name", "name", 0),
        ("Company name", "company", 2),
        ("Name of your company", "company", 2),
        ("Is this your first visit?", "first_name", 0),
        ("What is your first name?", "first_name", 2),
        ("Work phone", "phone", 1),
        ("Preferred contact: phone or mail?", "phone", 0),
        ("Best time to phone you", "phone", 0),
        ("Phone model", "phone", 0),
        ("Contact number", "phone", 2),
        ("Number", "phone", 0),
        ("Hotel", "phone", 0),
        ("Company e-mail", "company", 0),
        ("Company e-mail", "email", 1),
        ("Number of employees in your company", "company", 0),
        ("Email me updates?", "email", 0),
        ("Subject of your message", "message", 0),
        ("How can we help you?", "message", 2),
    ],
)
def test_a_label_fits_a_role_only_if_nothing_speaks_against_it(
    label: str, role: str, how: int
) -> None:
    assert fit(label, role) == how
