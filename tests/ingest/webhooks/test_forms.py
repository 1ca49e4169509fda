"""What form plugins send, as leads."""

from __future__ import annotations

import json
from typing import Any

import pytest

from relay.ingest.strict_json import NotStrict
from relay.ingest.webhooks.forms import MAX_TYPED, guess, lead_of, read_body


def lead(body: Any, content_type: str = "application/json", name: str = "Shop") -> dict[str, Any]:
    raw = body if isinstance(body, bytes) else json.dumps(body).encode()
    return lead_of(read_body(content_type, raw), name)


def test_a_flat_body_names_its_fields_and_guesses_only_what_is_certain() -> None:
    found = lead(
        {
            "your-name": "Jane",
            "your-email": "jane@example.com",
            "message": "Two\nlines",
            "size": ["S", "M"],
            "acceptance-gdpr": "1",
            "empty": "",
            "_wpcf7": 7,
            "_wpnonce": "x",
            "g-recaptcha-response": "x",
            "password": "hunter2",
            "form_title": "Contact",
            "page_url": "https://shop.example.com/contact",
        }
    )
    assert found["fields"] == {
        "your-name": "Jane",
        "your-email": "jane@example.com",
        "message": "Two\nlines",
        "size": ["S", "M"],
        "acceptance-gdpr": "1",
    }
    assert found["types"] == {
        "your-email": "email",
        "message": "textarea",
        "size": "choices",
        "acceptance-gdpr": "consent",
    }
    assert found["form"] == {"plugin": "webhook", "id": "7", "title": "Contact"}
    assert found["page_url"] == "https://shop.example.com/contact"
    assert found["left_out"] == 1, "a password is never stored"


def test_described_fields_keep_their_labels_and_types() -> None:
    found = lead(
        {
            "form": {"id": "a1", "name": "Quote"},
            "fields": {
                "name": {"id": "name", "type": "text", "title": "Your name", "value": "Jane"},
                "tel": {"type": "tel", "title": "Phone", "value": "030 1"},
                "full": {"first": "Jane", "last": "Doe"},
            },
        }
    )
    assert found["fields"] == {
        "Your name": "Jane",
        "Phone": "030 1",
        "full (first)": "Jane",
        "full (last)": "Doe",
    }
    assert found["types"] == {"Your name": "text", "Phone": "tel"}
    assert found["form"]["title"] == "Quote"
    listed = lead([{"name": "Mail", "value": "a@example.com"}, {"name": "Mail", "value": "x"}])
    assert listed["fields"] == {"Mail": "a@example.com", "Mail (2)": "x"}


@pytest.mark.parametrize(
    ("content_type", "raw"),
    [
        (
            "application/x-www-form-urlencoded; charset=UTF-8",
            b"name=J%C3%BCrgen&size%5B%5D=S&size%5B%5D=M",
        ),
        (
            "multipart/form-data; boundary=b",
            b'--b\r\nContent-Disposition: form-data; name="name"\r\n\r\nJ\xc3\xbcrgen\r\n'
            b'--b\r\nContent-Disposition: form-data; name="file"; filename="a.txt"\r\n\r\nsecret\r\n'
            b'--b\r\nContent-Disposition: form-data; name="size[]"\r\n\r\nS\r\n'
            b'--b\r\nContent-Disposition: form-data; name="size[]"\r\n\r\nM\r\n--b--\r\n',
        ),
    ],
)
def test_forms_are_read_too_and_files_are_left_out(content_type: str, raw: bytes) -> None:
    assert lead(raw, content_type)["fields"] == {"name": "Jürgen", "size": ["S", "M"]}


@pytest.mark.parametrize(
    ("content_type", "raw"),
    [
        ("application/json", b'{"a": 1, "a": 2}'),
        ("application/json", b'"text"'),
        ("application/x-www-form-urlencoded", b"a=%FF"),
        ("application/x-www-form-urlencoded", b"a=%00"),
        ("application/x-www-form-urlencoded", b"&".join(b"a=1" for _ in range(1001))),
        ("application/x-www-form-urlencoded; charset=latin-1", b"a=1"),
        ("multipart/form-data", b"a"),
        ("multipart/form-data; boundary=b", b"--b\r\nnonsense"),
    ],
)
def test_what_cannot_be_read_exactly_is_refused(content_type: str, raw: bytes) -> None:
    with pytest.raises(NotStrict):
        read_body(content_type, raw)


def test_long_values_and_many_fields_are_cut() -> None:
    found = lead({f"f{n}": "x" * 10_001 for n in range(3)} | {f"g{n}": "y" for n in range(200)})
    assert len(found["fields"]) == 200 and found["left_out"] == 3
    assert len(found["fields"]["f0"]) == 10_000 and found["shortened"] == ["f0", "f1", "f2"]


def test_a_long_value_is_not_compared_with_the_shape_of_an_address() -> None:
    """A visitor can type one for which that takes seconds, and all events wait for it."""
    assert guess("E-mail", "jane@example.com") == "email"
    long = f"https://example.com/{'a' * MAX_TYPED}"
    assert guess("Page", long) == ""
    assert guess("E-mail", f"a@{'b.' * MAX_TYPED}com") == ""
    assert guess("E-mail", f"a@{'b.' * 200}com") == "", "longer than an address can be"


@pytest.mark.parametrize(
    "name", ["userPassword", "passwd", "Kennwort", "PIN", "creditCard", "card-no"]
)
def test_what_is_named_like_a_secret_is_left_out(name: str) -> None:
    lead = lead_of(
        {name: "x", "pinterest": "jane", "Passport": "yes", "Spin": "1"}, "https://s.example"
    )
    assert list(lead["fields"]) == ["pinterest", "Passport", "Spin"]
