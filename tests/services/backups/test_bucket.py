"""Backups in S3.  The double is moto, which answers as Amazon documents."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from botocore.exceptions import ConnectionClosedError
from moto import mock_aws

from relay.backup_settings import S3Settings
from relay.errors import Refusal
from relay.services.backups import bucket
from relay.services.backups.bucket import Bucket

MIB = 1024 * 1024
SETTINGS = S3Settings("relay-backups", "shop/", "", "us-east-1", "AKIAEXAMPLE", "the-secret-key")
pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning")


@pytest.fixture
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Bucket]:
    monkeypatch.setattr(bucket, "PART_BYTES", 5 * MIB)  # the smallest that S3 takes
    with mock_aws():
        found = Bucket(SETTINGS, tmp_path)
        found.client.create_bucket(Bucket=found.bucket)
        yield found


@pytest.fixture
def file(tmp_path: Path) -> Path:
    """A file of three parts, the last one smaller."""
    path = tmp_path / "file"
    path.write_bytes(os.urandom(11 * MIB))
    return path


def count_parts(place: Bucket, monkeypatch: pytest.MonkeyPatch, fail_at: int = 0) -> list[int]:
    """The numbers of the parts that are sent from now on; the part ``fail_at`` is not."""
    sent: list[int] = []
    real = place.client.upload_part

    def upload_part(**words: Any) -> Any:
        if words["PartNumber"] == fail_at:
            raise ConnectionClosedError(endpoint_url="https://s3.example")
        sent.append(words["PartNumber"])
        return real(**words)

    monkeypatch.setattr(place.client, "upload_part", upload_part)
    return sent


def test_an_upload_that_stopped_continues_with_the_parts_that_are_missing(
    place: Bucket, file: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as patch:
        assert count_parts(place, patch, fail_at=3) == []
        with pytest.raises(
            Refusal, match="cannot write to the bucket relay-backups: Connection was"
        ):
            place.put(file, "one.age")
    assert place.sizes() == {}, "an incomplete backup is not in the list"

    sent = count_parts(place, monkeypatch)
    Bucket(SETTINGS, tmp_path)  # as another process would
    place.put(file, "one.age")
    assert sent == [3]
    assert place.sizes() == {"one.age": 11 * MIB}
    place.get("one.age", tmp_path / "copy")
    assert (tmp_path / "copy").read_bytes() == file.read_bytes()
    assert list(tmp_path.glob("*.upload.json")) == []
    place.remove("one.age")
    assert place.sizes() == {}


def test_an_upload_that_the_service_has_forgotten_starts_again(
    place: Bucket, file: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as patch:
        count_parts(place, patch, fail_at=2)
        with pytest.raises(Refusal):
            place.put(file, "one.age")
    (upload,) = place.client.list_multipart_uploads(Bucket=place.bucket)["Uploads"]
    place.client.abort_multipart_upload(
        Bucket=place.bucket, Key=upload["Key"], UploadId=upload["UploadId"]
    )
    sent = count_parts(place, monkeypatch)
    place.put(file, "one.age")
    assert sent == [1, 2, 3] and place.sizes() == {"one.age": 11 * MIB}


def test_other_objects_of_the_bucket_are_not_seen(place: Bucket, file: Path) -> None:
    place.client.put_object(
        Bucket=place.bucket, Key="invoices/relay-20260101T000000Z.backup.gz", Body=b"x"
    )
    assert place.sizes() == {}


def test_an_error_names_the_bucket_and_no_secret(tmp_path: Path) -> None:
    with (
        mock_aws(),
        pytest.raises(Refusal, match="cannot list the bucket relay-backups: NoSuchBucket") as said,
    ):
        Bucket(SETTINGS, tmp_path).sizes()
    assert SETTINGS.secret_key not in str(said.value) and SETTINGS.secret_key not in repr(SETTINGS)
