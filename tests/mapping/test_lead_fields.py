"""A person's data is found in the answers of any form."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from relay.event_types import SAMPLES
from relay.mapping import lead_fields

FIND = {
    "email": lead_fields.email,
    "first": lead_fields.first_name,
    "last": lead_fields.last_name,
    "name": lead_fields.full_name,
    "phone": lead_fields.phone,
    "company": lead_fields.company,
    "message": lead_fields.message,
}


def lead(**answers: Any) -> dict[str, Any]:
    return {"fields": answers}


def check(answers: dict[str, Any], types: dict[str, Any] | None, found: dict[str, str]) -> None:
    data = {"fields": answers} | ({} if types is None else {"types": types})
    assert {name: find(data) for name, find in FIND.items() if find(data)} == found


ANNA = {"first": "Anna", "last": "Muster", "name": "Anna Muster"}
MAIL = {"email": "anna@example.com"}


@pytest.mark.parametrize(
    ("answers", "found"),
    [
        # names that form plugins give to fields
        (
            {"your-name": "Anna Muster", "your-email": "anna@example.com", "tel-123": "+1 555 0100"},
            ANNA | MAIL | {"phone": "+1 555 0100"},
        ),
        (
            {"first_name": "Anna", "last_name": "Muster", "email-1": "anna@example.com"},
            ANNA | MAIL,
        ),
        ({"firstName": "Anna", "lastName": "Muster"}, ANNA),
        ({"names[first_name]": "Anna", "names[last_name]": "Muster"}, ANNA),
        ({"Name": {"first": "Anna", "last": "Muster"}}, ANNA),
        ({"text-123": "blue", "textarea-9": "Two teapots"}, {"message": "Two teapots"}),
        ({"NAME": "Anna Muster", "E-MAIL": "anna@example.com"}, ANNA | MAIL),
        ({"your-message": "Hello", "your-subject": "Teapots"}, {"message": "Hello"}),
        # questions and other things with the same words
        ({"Is this your first visit?": "Yes", "Your name": "Anna Muster"}, ANNA),
        (
            {"Preferred contact: phone or mail?": "mail", "Phone": "+1 555 0100"},
            {"phone": "+1 555 0100"},
        ),
        ({"Preferred contact": "phone", "Mobile": "0151 234567"}, {"phone": "0151 234567"}),
        ({"Company name": "Tea Ltd", "Name": "Anna Muster"}, ANNA | {"company": "Tea Ltd"}),
        ({"Username": "anna99", "Name": "Anna Muster"}, ANNA),
        ({"Nickname": "Ani", "Full name": "Anna Muster"}, ANNA),
        ({"Product name": "Teapot", "Your name (required)": "Anna Muster"}, ANNA),
        ({"Child's name": "Ben", "Parent": "Anna"}, {}),
        ({"Company size": "11-50", "Company": "Tea Ltd"}, {"company": "Tea Ltd"}),
        ({"Are you a company?": "Yes", "Organisation": "Tea Ltd"}, {"company": "Tea Ltd"}),
        ({"Company": "no"}, {}),
        ({"Email me updates?": "yes", "Email": "anna@example.com"}, MAIL),
        ({"Instagram": "@anna.muster", "E-mail": "anna@example.com"}, MAIL),
        ({"Twitter": "@anna.muster", "Contact": "anna@example.com"}, MAIL),
        ({"Friend's email": "ben@example.com", "Your email": "anna@example.com"}, MAIL),
        ({"Friend's email": "ben@example.com"}, {}),
        ({"Phone of a friend": "+1 555 0199"}, {}),
        ({"Emergency contact phone": "+1 555 0199", "Phone": "+1 555 0100"}, {"phone": "+1 555 0100"}),
        ({"Phone model": "X100 200 300", "Cell": "555 01 00"}, {"phone": "555 01 00"}),
        ({"Phone": "n/a", "Mobile phone": "555 01 00"}, {"phone": "555 01 00"}),
        ({"Order number": "1234567"}, {}),
        ({"Fax": "+1 555 0199"}, {}),
        ({"Comments or questions?": "Do you ship?"}, {"message": "Do you ship?"}),
        # the form of the values
        ({"E-mail": '"anna@example.com "'}, MAIL),
        ({"E-mail": "Anna Muster <anna@example.com>"}, MAIL),
        ({"E-mail": "my address is anna@example.com"}, MAIL),
        ({"How to reach you": "anna@example.com"}, MAIL),
        ({"Message": "Write to ben@example.com"}, {"message": "Write to ben@example.com"}),
        ({"E-mail": "anna@localhost"}, {"email": "anna@localhost"}),
        ({"E-mail": "none"}, {}),
        ({"Name": "anna@example.com"}, MAIL),
        ({"Name": "Yes"}, {}),
        ({"First name": "Anna Maria", "Last name": "von der Heide"},
         {"first": "Anna Maria", "last": "von der Heide", "name": "Anna Maria von der Heide"}),
        ({"Name": "Anna Maria von der Heide"},
         {"first": "Anna Maria", "last": "von der Heide", "name": "Anna Maria von der Heide"}),
        ({"Name": "Muster, Anna"}, {"first": "Anna", "last": "Muster", "name": "Muster, Anna"}),
        ({"Your name": "Anna"}, {"first": "Anna", "name": "Anna"}),
        ({"First name": "Anna", "Name": "Muster"}, ANNA),
        ({"First name": "Anna", "Name": "Anna Muster"}, ANNA),
        ({"Last name": "Muster", "Name": "Anna Muster"}, ANNA),
        # German
        (
            {"Ihr Name": "Anna Muster", "Ihre E-Mail-Adresse": "anna@example.com",
             "Telefonnummer": "030 123456", "Firma": "Tee & Co", "Ihre Nachricht": "Hallo"},
            ANNA | MAIL | {"phone": "030 123456", "company": "Tee & Co", "message": "Hallo"},
        ),
        ({"Vorname": "Anna", "Nachname": "Muster"}, ANNA),
        ({"Vorname": "Anna", "Name": "Muster"}, ANNA),
        ({"Vor- und Nachname": "Anna Muster", "Handy": "0151 234567"}, ANNA | {"phone": "0151 234567"}),
        ({"Ansprechpartner": "Anna Muster", "Unternehmen": "Tee & Co"}, ANNA | {"company": "Tee & Co"}),
        ({"Wie können wir Ihnen helfen?": "Mit Tee"}, {"message": "Mit Tee"}),
        ({"Bevorzugter Kontakt: Telefon oder E-Mail": "Telefon", "Rufnummer": "030 123456"},
         {"phone": "030 123456"}),
        ({"Benutzername": "anna99", "Firmenname": "Tee & Co"}, {"company": "Tee & Co"}),
        # French
        (
            {"Prénom": "Anna", "Nom": "Muster", "Courriel": "anna@example.com",
             "Téléphone portable": "06 12 34 56 78", "Société": "Thé SARL", "Votre message": "Bonjour"},
            ANNA | MAIL | {"phone": "06 12 34 56 78", "company": "Thé SARL", "message": "Bonjour"},
        ),
        ({"Nom et prénom": "Anna Muster", "Nom de l'entreprise": "Thé SARL"}, ANNA | {"company": "Thé SARL"}),
        ({"Nom d'utilisateur": "anna99", "Nom complet": "Anna Muster"}, ANNA),
        # Spanish
        (
            {"Nombre": "Anna", "Apellidos": "Muster", "Correo electrónico": "anna@example.com",
             "Número de teléfono": "600 123 456", "Empresa": "Té SL", "Mensaje": "Hola"},
            ANNA | MAIL | {"phone": "600 123 456", "company": "Té SL", "message": "Hola"},
        ),
        ({"Nombre y apellidos": "Anna Muster", "Móvil": "600 123 456"}, ANNA | {"phone": "600 123 456"}),
        ({"Nombre de la empresa": "Té SL", "Tu nombre": "Anna Muster"}, ANNA | {"company": "Té SL"}),
        # Italian
        (
            {"Nome": "Anna", "Cognome": "Muster", "Indirizzo email": "anna@example.com",
             "Cellulare": "333 1234567", "Azienda": "Tè Srl", "Messaggio": "Ciao"},
            ANNA | MAIL | {"phone": "333 1234567", "company": "Tè Srl", "message": "Ciao"},
        ),
        ({"Nome e cognome": "Anna Muster", "Ragione sociale": "Tè Srl"}, ANNA | {"company": "Tè Srl"}),
        # Dutch
        (
            {"Voornaam": "Anna", "Achternaam": "Muster", "E-mailadres": "anna@example.com",
             "Telefoonnummer": "06 12345678", "Bedrijfsnaam": "Thee BV", "Uw bericht": "Hallo"},
            ANNA | MAIL | {"phone": "06 12345678", "company": "Thee BV", "message": "Hallo"},
        ),
        ({"Naam": "Anna Muster", "Vragen of opmerkingen": "Hoi"}, ANNA | {"message": "Hoi"}),
        # Portuguese
        (
            {"Nome completo": "Anna Muster", "Endereço de e-mail": "anna@example.com",
             "Telemóvel": "912 345 678", "Nome da empresa": "Chá Lda", "Mensagem": "Olá"},
            ANNA | MAIL | {"phone": "912 345 678", "company": "Chá Lda", "message": "Olá"},
        ),
        ({"Nome": "Anna", "Sobrenome": "Muster", "Celular": "11 91234 5678"},
         ANNA | {"phone": "11 91234 5678"}),
        # Polish
        (
            {"Imię": "Anna", "Nazwisko": "Muster", "Adres e-mail": "anna@example.com",
             "Numer telefonu": "601 234 567", "Nazwa firmy": "Herbata", "Treść wiadomości": "Cześć"},
            ANNA | MAIL | {"phone": "601 234 567", "company": "Herbata", "message": "Cześć"},
        ),
        ({"Imię i nazwisko": "Anna Muster", "Telefon": "601 234 567"}, ANNA | {"phone": "601 234 567"}),
        # Swedish, Danish, Norwegian, Finnish
        (
            {"Förnamn": "Anna", "Efternamn": "Muster", "E-post": "anna@example.com",
             "Mobilnummer": "070-123 45 67", "Företag": "Te AB", "Ditt meddelande": "Hej"},
            ANNA | MAIL | {"phone": "070-123 45 67", "company": "Te AB", "message": "Hej"},
        ),
        ({"För- och efternamn": "Anna Muster", "Telefon": "08-12 34 56"}, ANNA | {"phone": "08-12 34 56"}),
        (
            {"Fornavn": "Anna", "Efternavn": "Muster", "Din e-mail": "anna@example.com",
             "Telefonnummer": "12 34 56 78", "Virksomhed": "Te ApS", "Besked": "Hej"},
            ANNA | MAIL | {"phone": "12 34 56 78", "company": "Te ApS", "message": "Hej"},
        ),
        ({"Navn": "Anna Muster", "Melding": "Hei"}, ANNA | {"message": "Hei"}),
        ({"Etunimi": "Anna", "Sukunimi": "Muster", "Puhelinnumero": "040 1234567"},
         ANNA | {"phone": "040 1234567"}),
    ],
)  # fmt: skip
def test_without_types_whole_words_in_many_languages_decide(
    answers: dict[str, Any], found: dict[str, str]
) -> None:
    check(answers, None, found)


@pytest.mark.parametrize(
    ("answers", "types", "found"),
    [
        (
            {"Wer sind Sie": "Anna Muster", "Wo erreichen wir Sie": "+1 555 0100"},
            {"Wer sind Sie": "name", "Wo erreichen wir Sie": "tel"},
            ANNA | {"phone": "+1 555 0100"},
        ),
        ({"A": "Anna", "B": "Muster"}, {"A": "first_name", "B": "last_name"}, ANNA),
        ({"名前": "Anna Muster", "会社": "Tea Ltd"}, {"名前": "name", "会社": "company"}, ANNA | {"company": "Tea Ltd"}),
        ({"Q1": "I like tea"}, {"Q1": "textarea"}, {"message": "I like tea"}),
        (
            {"Address": "1 Tea Road", "Message": "Hello"},
            {"Address": "textarea", "Message": "textarea"},
            {"message": "Hello"},
        ),
        ({"Phone": "mobile", "Tel": "+1 555 0100"}, {"Phone": "choice", "Tel": "tel"}, {"phone": "+1 555 0100"}),
        ({"Name": "Ms"}, {"Name": "choice"}, {}),
        ({"Company": "yes, I agree"}, {"Company": "consent"}, {}),
        ({"Phone": "12345678"}, {"Phone": "number"}, {"phone": "12345678"}),
        ({"Backup": "ben@example.com", "Login": "anna@example.com"}, {"Login": "email"}, MAIL),
        ({"Mail": "anna@"}, {"Mail": "email"}, {"email": "anna@"}),
        ({"Your name": "Anna Muster"}, {"Your name": "text"}, ANNA),
        ({"Your name": "Anna Muster"}, {"Your name": "hologram"}, ANNA),  # an unknown type
        ({"Your name": "Anna Muster"}, {"Your name": ["name"]}, ANNA),
        ({"Your name": "Anna Muster"}, {}, ANNA),
    ],
)  # fmt: skip
def test_the_types_that_the_site_sends_come_first(
    answers: dict[str, Any], types: dict[str, Any], found: dict[str, str]
) -> None:
    check(answers, types, found)


@pytest.mark.parametrize(
    ("data", "agreed"),
    [
        ({"consent": True}, True),
        ({"consent": False}, False),
        ({"consent": "Ja"}, True),
        ({"consent": "nee"}, False),
        ({"fields": {"Privacy": "yes"}, "types": {"Privacy": "consent"}}, True),
        (
            {"fields": {"A": "yes", "B": ""}, "types": {"A": "consent", "B": "consent"}},
            False,
        ),
        ({"consent": {"text": "I agree"}}, None),
        ({"fields": {"Privacy": "yes"}}, None),
        ({}, None),
    ],
)
def test_a_consent_is_yes_no_or_unknown(data: dict[str, Any], agreed: bool | None) -> None:
    assert lead_fields.consent(data) is agreed


def test_all_answers_are_lines_without_the_empty_ones() -> None:
    data = lead(Name="Anna", Colours=["red", "blue"], Note="", Agreed=True)
    assert lead_fields.all_answers(data) == "Name: Anna\nColours: red, blue\nAgreed: yes"


@pytest.mark.parametrize("fields", [None, [], "text", {}, {"": ""}, {"Name": None}, {"Name": {}}])
@pytest.mark.parametrize("types", [None, [], "text", {"Name": None}])
def test_a_malformed_lead_has_no_data_and_is_no_error(fields: Any, types: Any) -> None:
    for find in FIND.values():
        assert find({"fields": fields, "types": types}) == ""


def test_the_sample_lead_is_read_completely() -> None:
    data = SAMPLES["lead.created"]
    assert lead_fields.email(data) == "jane@example.com"
    assert (lead_fields.first_name(data), lead_fields.last_name(data)) == ("Jane", "Example")
    assert set(data["types"]) == set(data["fields"])
    assert set(data["types"].values()) <= set(lead_fields.FIELD_TYPES)


LABELS = st.text(max_size=40) | st.sampled_from(
    ["Name", "Vorname", "Last name", "E-mail", "Phone", "Telefono", "Firma", "Message"]
)
VALUES = st.recursive(
    st.text(max_size=60) | st.none() | st.booleans() | st.integers() | st.emails(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=5,
)  # fmt: skip
TYPES = st.sampled_from([*lead_fields.FIELD_TYPES, "unknown"])


@given(st.dictionaries(LABELS, VALUES, max_size=6), st.dictionaries(LABELS, TYPES, max_size=6))
def test_any_answers_are_read_without_an_error_and_nothing_is_invented(
    answers: dict[str, Any], types: dict[str, str]
) -> None:
    written = str(answers) + "".join(map(str, answers.values()))
    for find in (lead_fields.email, lead_fields.phone, lead_fields.company, lead_fields.full_name):
        found = find({"fields": answers, "types": types})
        assert set(found) <= set(written) | {" "} or any(c.isspace() for c in written)
    for label, value in answers.items():
        if isinstance(value, str):
            lead_fields.all_answers({"fields": {label: value}})


@pytest.mark.parametrize(
    ("parts", "first", "last"),
    [
        ({"Your name": {"first_name": "Maria Anna", "last_name": "Souza"}}, "Maria Anna", "Souza"),
        ({"Your name": {"first_name": "Maria Anna"}}, "Maria Anna", ""),
        ({"Your name": {}}, "Maria", "Anna Souza"),
        ({"Your name": ["x"], "Address": {"first_name": "No"}}, "Maria", "Anna Souza"),
        ("no map", "Maria", "Anna Souza"),
    ],
)  # fmt: skip
def test_parts_beside_a_whole_name_are_not_split(parts: Any, first: str, last: str) -> None:
    data = {"fields": {"Your name": "Maria Anna Souza"}, "types": {"Your name": "name"}}
    data |= {"parts": parts}
    assert (lead_fields.first_name(data), lead_fields.last_name(data)) == (first, last)
    assert lead_fields.full_name(data) == "Maria Anna Souza"
