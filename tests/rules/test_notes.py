"""Notes read as sentences."""

from relay.rules.notes import NOTHING_SENT, SHORTENED, Note, once


def test_a_note_says_what_was_left_out_and_why() -> None:
    note = Note("contact.birthday", "Birthday", "“31.13.1990” is not a date")
    assert note.sentence == "Sent without: Birthday — “31.13.1990” is not a date"
    assert note.as_json() == {
        "code": "left_out",
        "field": "contact.birthday",
        "label": "Birthday",
        "sentence": note.sentence,
    }


def test_a_shortened_text_and_a_message_without_anything_read_differently() -> None:
    assert Note("m", "Message", "too long", SHORTENED).sentence == "Shortened: Message — too long"
    assert Note("", "x.a", "no field is mapped.", NOTHING_SENT).sentence == (
        "Nothing was sent: no field is mapped."
    )


def test_the_same_note_is_kept_once() -> None:
    one, two = Note("a", "A", "why"), Note("b", "B", "why")
    assert once([one, two, one]) == (one, two)
