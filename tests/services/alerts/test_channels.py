"""Alert channels: settings, secrets, order, tests and removal."""

from __future__ import annotations

import base64
import gzip
import hashlib
import hmac
import json
from pathlib import Path
from typing import Any

import pytest
from cryptography.fernet import Fernet
from flask import Flask

from relay import secrets
from relay.errors import Invalid, NotFound, Refusal
from relay.models import AlertChannel, AlertMessage, AuditEntry, db
from relay.rules.states import AlertChange, AlertMessageState
from relay.secrets import SecretBox
from relay.secrets.references import AllowList
from relay.services.alerts import channels
from relay.services.alerts.channels import ChannelChoice
from relay.services.audit import ACTIONS, COMMAND_LINE, By
from relay.services.operations import backup, doctor, encryption
from tests.services.alerts.conftest import (
    channel_alerts,
    hook_channel,
    mail_channel,
    make,
    make_alert,
    open_alert,
    send,
    slack_channel,
)
from tests.support.env import ENCRYPTION_KEY
from tests.support.fake_ntfy import TOKEN, FakeNtfy
from tests.support.fake_slack import FakeSlack
from tests.support.mail import MailServer
from tests.support.sink import Answer, Sink

pytestmark = pytest.mark.usefixtures("context")
SQLITE = pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
ADA = By("ada@example.com")


def create(kind: str, values: dict[str, Any], **choice: Any) -> channels.CreatedChannel:
    return channels.create_channel(kind, "One", values, ChannelChoice(**choice), ADA)


def test_a_test_arrives_through_every_kind(
    eager_slack: FakeSlack, mail: MailServer, ntfy: FakeNtfy, sink: Sink
) -> None:
    made = [
        slack_channel(eager_slack),
        mail_channel(mail),
        make("ntfy", "Phone", {"server": ntfy.url, "topic": "my-shop", "access_token": TOKEN}),
        hook_channel(sink),
    ]
    for channel in made:
        result = channels.test_channel(channel.id, ADA)
        assert (result.ok, result.sentence) == (True, ""), channel.kind
        db.session.refresh(channel)
        assert channel.last_sent_at is not None
    (post,), (push,) = eager_slack.shown, ntfy.messages
    assert post.startswith("*TEST* This is a test of the alert channel Team.")
    assert mail.letter()["Subject"] == ("[TEST] [Relay] This is a test of the alert channel Owner.")
    assert "alerts reach you here" in mail.plain() and "alerts reach you here" in mail.html()
    assert push["title"] == "[TEST] Relay" and "click" not in push
    said = sink.requests[0].json()
    assert (said["type"], said["test"], said["resolved_at"]) == ("alert.test", True, None)


def test_a_webhook_gets_a_secret_of_its_own_and_signs_with_it(sink: Sink) -> None:
    made = create("webhook", {"url": f"{sink.url}/in"})
    assert made.secret.startswith("whsec_")
    key = base64.b64decode(made.secret.removeprefix("whsec_"), validate=True)
    assert len(key) == 32
    open_alert()
    send()
    (seen,) = sink.requests
    signed = f"{seen.headers['webhook-id']}.{seen.headers['webhook-timestamp']}.".encode()
    digest = hmac.new(key, signed + seen.body, hashlib.sha256).digest()
    assert seen.headers["webhook-signature"] == "v1," + base64.b64encode(digest).decode()
    assert made.secret not in str(made.channel.config) + str(made.channel.sealed_secrets)
    assert channels.shown_secrets(made.channel)["signing_secret"].startswith("••••")


@SQLITE
def test_a_webhook_with_a_secret_or_another_authentication_gets_none(sink: Sink) -> None:
    mine = channels.new_signing_secret()
    given = {"url": f"{sink.url}/in", "signing_secret": mine}
    assert create("webhook", given).secret == ""
    other = {"url": f"{sink.url}/in", "auth": "none"}
    assert channels.create_channel("webhook", "Two", other, ChannelChoice(), ADA).secret == ""


@SQLITE
@pytest.mark.parametrize(
    ("kind", "values", "choice", "field"),
    [
        ("slack", {"webhook_url": "https://example.com/"}, {}, "webhook_url"),
        ("slack", {"text": "{{ data.author }}"}, {}, "text"),
        ("email", {"to": "nonsense", "sender": "a@b.example", "host": "h"}, {}, "to"),
        ("email", {"recipient": "person", "sender": "a@b.example", "host": "h"}, {}, "recipient"),
        ("webhook", {"url": "http://10.0.0.1/"}, {}, "url"),
        ("webhook", {"url": "https://example.com/", "content": "form"}, {}, "content"),
        ("ntfy", {}, {}, "topic"),
        ("ntfy", {"topic": "a"}, {"severity": "loud"}, "severity"),
        ("ntfy", {"topic": "a"}, {"rules": ["disk_space", "nonsense"]}, "rules"),
        ("ntfy", {"topic": "a"}, {"quiet_from": "22:00"}, "quiet_from"),
        ("ntfy", {"topic": "a"}, {"quiet_from": "22:00", "quiet_until": "22:00"}, "quiet_from"),
        ("ntfy", {"topic": "a"}, {"quiet_from": "9:00", "quiet_until": "10:00"}, "quiet_from"),
        ("ntfy", {"topic": "a"}, {"timezone": "Vienna"}, "timezone"),
        ("ntfy", {"topic": "a"}, {"timezone": "../UTC"}, "timezone"),
    ],
)
def test_a_wrong_value_is_refused_at_its_field(
    kind: str, values: dict[str, str], choice: dict[str, Any], field: str
) -> None:
    with pytest.raises(Invalid) as found:
        create(kind, values, **choice)
    assert field in found.value.reasons
    assert channels.list_channels() == []


@SQLITE
def test_names_are_unique_and_kinds_are_known() -> None:
    create("ntfy", {"topic": "a"})
    with pytest.raises(Invalid, match="already exists"):
        create("ntfy", {"topic": "a"})
    with pytest.raises(NotFound, match="email, slack, ntfy, webhook"):
        create("inbox", {})
    with pytest.raises(NotFound):
        channels.find_channel("Two")


def test_an_update_keeps_an_empty_secret_and_the_audit_has_no_secret() -> None:
    values = {"topic": "a", "access_token": "tk_very_secret_token_1"}
    channel = create("ntfy", values).channel
    channels.update_channel(channel.id, "New", {"topic": "b"}, ChannelChoice("critical"), ADA)
    assert (channel.name, channel.config["topic"], channel.severity) == ("New", "b", "critical")
    assert channels.shown_secrets(channel) == {"access_token": "••••en_1"}
    assert secrets.open_sealed(channel.sealed_secrets or "") == {
        "access_token": "tk_very_secret_token_1"
    }
    channels.update_channel(
        channel.id, "New", {"topic": "b", "access_token": "tk_other"}, ChannelChoice(), ADA
    )
    entries = db.session.query(AuditEntry).order_by(AuditEntry.id).all()
    assert [entry.action for entry in entries] == [
        "alert_channel.create",
        "alert_channel.update",
        "alert_channel.update",
    ]
    assert entries[-1].detail["secrets_changed"] == ["access_token"]
    assert not any("tk_" in json.dumps(entry.detail) for entry in entries)


@SQLITE
def test_every_change_is_audited_with_a_sentence(sink: Sink) -> None:
    channel = hook_channel(sink)
    channels.set_enabled(channel.id, False, ADA)
    channels.set_enabled(channel.id, True, ADA)
    channels.move_channel(channel.id, 1, ADA)
    channels.test_channel(channel.id, ADA)
    channels.remove_channel(channel.id, ADA)
    actions = [entry.action for entry in db.session.query(AuditEntry).filter_by(actor=ADA.actor)]
    assert actions == [
        f"alert_channel.{verb}" for verb in ("disable", "enable", "move", "test", "remove")
    ]
    assert set(actions) < set(ACTIONS)


@SQLITE
def test_a_channel_is_turned_on_or_off_once(sink: Sink) -> None:
    hook_channel(sink)
    with pytest.raises(Refusal, match="already turned on"):
        channels.set_enabled("Hook", True, ADA)
    channels.set_enabled("Hook", False, ADA)
    with pytest.raises(Refusal, match="already turned off"):
        channels.set_enabled("Hook", False, ADA)
    assert channels.test_channel("Hook", ADA).ok, "a test works nevertheless"


def test_channels_are_ordered_and_the_order_decides_who_takes_over(
    sink: Sink, eager_slack: FakeSlack
) -> None:
    slack_channel(eager_slack)
    for name in ("B", "C"):
        hook_channel(sink, name, severity="critical")
    channels.move_channel("C", 1, ADA)
    channels.move_channel("Team", 2, ADA)
    assert [one.name for one in channels.list_channels()] == ["C", "Team", "B"]
    channels.move_channel("B", 1, ADA)
    assert [one.name for one in channels.list_channels()] == ["B", "C", "Team"]
    alert = open_alert()
    eager_slack.next(Answer(404, b"no_service"))
    send()
    newest = db.session.query(AlertMessage).filter_by(alert_id=alert.id).all()[-1]
    assert newest.channel.name == "B", "after the last one, the first one is next"


def test_a_removed_channel_leaves_nothing_that_is_sent(sink: Sink) -> None:
    channel = hook_channel(sink)
    alert = open_alert()
    sink.answer(404, b"no")
    send()
    assert channel_alerts() == [f"channel:{channel.id}"]
    assert channels.remove_channel("Hook", ADA) == "Hook"
    assert channel_alerts() == []
    assert db.session.query(AlertMessage).filter_by(alert_id=alert.id).count() == 0
    assert send() == 0


@SQLITE
def test_a_failed_test_says_why_and_a_good_one_ends_the_alert(sink: Sink) -> None:
    channel = hook_channel(sink)
    open_alert()
    sink.answer(404, b"no")
    send()
    failed = channels.test_channel("Hook", ADA)
    assert not failed.ok and "404 Not Found" in failed.sentence
    assert channel_alerts() == [f"channel:{channel.id}"]
    sink.answer(200)
    assert channels.test_channel("Hook", ADA).ok
    assert channel_alerts() == []


@SQLITE
def test_a_secret_can_be_a_reference(
    sink: Sink, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    values = {"url": f"{sink.url}/in", "auth": "bearer", "token": "env:ALERT_TOKEN"}
    with pytest.raises(Invalid, match="Only the command line takes one"):
        create("webhook", values)
    channel = channels.create_channel(
        "webhook", "One", values, ChannelChoice(), COMMAND_LINE
    ).channel
    off = channels.test_channel(channel.id, ADA)
    assert not off.ok and "RELAY_SECRET_ENV_PREFIX" in off.sentence
    secrets.box().allowed = AllowList(tmp_path, None, "ALERT_")
    missing = channels.test_channel(channel.id, ADA)
    assert not missing.ok and "ALERT_TOKEN, which is not set" in missing.sentence
    monkeypatch.setenv("ALERT_TOKEN", "from-the-environment")
    assert channels.test_channel(channel.id, ADA).ok
    assert sink.requests[0].headers["authorization"] == "Bearer from-the-environment"
    assert channels.shown_secrets(channel) == {"token": "env:ALERT_TOKEN"}


def test_secrets_are_encrypted_again_with_a_new_key_and_unreadable_ones_are_reported(
    app: Flask, data_dir: Path
) -> None:
    channel = create("ntfy", {"topic": "a", "access_token": "tk_very_secret"}).channel
    before, new = channel.sealed_secrets, Fernet.generate_key().decode()
    app.extensions["relay_secrets"] = SecretBox((new, ENCRYPTION_KEY), data_dir)
    assert encryption.reseal_all(ADA) == 1
    db.session.refresh(channel)
    assert channel.sealed_secrets != before
    app.extensions["relay_secrets"] = SecretBox((new,), data_dir)
    assert channels.shown_secrets(channel) == {"access_token": "••••cret"}
    app.extensions["relay_secrets"] = SecretBox((ENCRYPTION_KEY,), data_dir)
    db.session.rollback()
    with db.engine.connect() as connection:
        assert encryption.unreadable(connection, encryption.CHANNEL) == ["alert channel One"]
    db.session.rollback()
    finding = next(one for one in doctor.diagnose() if one.check == "alert channel secrets")
    assert finding.level.value == "error" and "alert channel One" in finding.what
    assert "cannot be decrypted" in channels.test_channel(channel.id, ADA).sentence


@SQLITE
def test_a_backup_has_the_channels_and_what_was_pending_is_not_sent_again(
    app: Flask, sink: Sink, tmp_path: Path
) -> None:
    create("ntfy", {"topic": "a", "access_token": "tk_very_secret"})
    alert = open_alert()
    make_alert(subject="destination:2")
    file = tmp_path / "backup"
    rows = backup.save(file).rows
    assert (rows["alert_channel"], rows["alert_message"], rows["alert"]) == (1, 1, 2)
    assert b"tk_very_secret" not in gzip.decompress(file.read_bytes())
    for table in reversed(db.metadata.sorted_tables):
        db.session.execute(table.delete())
    db.session.commit()
    backup.load(file, COMMAND_LINE)
    assert channels.shown_secrets(channels.find_channel("One")) == {"access_token": "••••cret"}
    (message,) = db.session.query(AlertMessage).filter_by(alert_id=alert.id)
    assert (message.state, message.change) == (AlertMessageState.SKIPPED, AlertChange.OPENED)
    assert send() == 0
    assert db.session.query(AlertChannel).count() == 1
