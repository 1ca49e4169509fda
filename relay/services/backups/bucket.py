"""A bucket of Amazon S3 or of a service with the same API.

A file is stored in parts.  The id of an unfinished upload is kept beside the file, so that the next
call stores only the parts that are missing.
Sources: https://docs.aws.amazon.com/AmazonS3/latest/API/API_CreateMultipartUpload.html,
https://docs.aws.amazon.com/AmazonS3/latest/API/API_ListParts.html,
https://docs.aws.amazon.com/AmazonS3/latest/API/API_CompleteMultipartUpload.html
"""

from __future__ import annotations

# i18n: keep file - for operators and for the stored reason of a backup that failed
import json
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from relay.backup_settings import S3Settings
from relay.errors import Refusal
from relay.observability.logging import log

PART_BYTES = 16 * 1024 * 1024  # at least 5 MiB, and a file has at most 10,000 parts
MAX_PARTS = 10_000
GONE = ("NoSuchUpload", "404")  # the service has removed the unfinished upload


def connect(settings: S3Settings) -> Any:
    import boto3  # only here, because it takes half a second to load
    from botocore.config import Config

    return boto3.client(
        "s3",
        endpoint_url=settings.endpoint or None,
        region_name=settings.region or ("us-east-1" if settings.endpoint else None),
        aws_access_key_id=settings.access_key or None,
        aws_secret_access_key=settings.secret_key or None,
        config=Config(
            connect_timeout=10,
            read_timeout=60,
            retries={"mode": "standard", "max_attempts": 5},
            s3={"addressing_style": "path" if settings.endpoint else "auto"},
            # Other services do not know the newer checksums.
            request_checksum_calculation="when_required",
            response_checksum_validation="when_required",
        ),
    )


class Bucket:
    def __init__(self, settings: S3Settings, spool: Path):
        self.settings, self.spool = settings, spool
        with self.explained("use"):
            self.client = connect(settings)

    @property
    def bucket(self) -> str:
        return self.settings.bucket

    def key(self, name: str) -> str:
        return self.settings.prefix + name

    @contextmanager
    def explained(self, what: str) -> Iterator[None]:
        """Turns errors of the service into a Refusal that has no secret."""
        from botocore.exceptions import BotoCoreError, ClientError

        try:
            yield
        except ClientError as exc:
            error = exc.response.get("Error", {})
            reason = f"{error.get('Code')}: {error.get('Message') or 'no message'}"
            raise self.refusal(what, reason) from exc
        except (BotoCoreError, ValueError) as exc:
            raise self.refusal(what, str(exc)) from exc

    def refusal(self, what: str, reason: str) -> Refusal:
        text = " ".join(reason.split()).rstrip(".")
        return Refusal(f"Relay cannot {what} the bucket {self.bucket}: {text}.")

    def sizes(self) -> dict[str, int]:
        with self.explained("list"):
            pages = self.client.get_paginator("list_objects_v2").paginate(
                Bucket=self.bucket, Prefix=self.settings.prefix
            )
            found = (one for page in pages for one in page.get("Contents", []))
            start = len(self.settings.prefix)
            return {str(one["Key"])[start:]: int(one["Size"]) for one in found}

    def put(self, path: Path, name: str) -> None:
        size = path.stat().st_size
        part_bytes = max(PART_BYTES, -(-size // MAX_PARTS))
        with self.explained("write to"):
            upload, stored = self._upload_of(name, part_bytes)
            parts = []
            with path.open("rb") as file:
                for number in range(1, max(1, -(-size // part_bytes)) + 1):
                    tag = stored.get(number)
                    if tag is None:
                        file.seek((number - 1) * part_bytes)
                        answer = self.client.upload_part(
                            Bucket=self.bucket,
                            Key=self.key(name),
                            UploadId=upload,
                            PartNumber=number,
                            Body=file.read(part_bytes),
                        )
                        tag = answer["ETag"]
                    parts.append({"PartNumber": number, "ETag": tag})
            self.client.complete_multipart_upload(
                Bucket=self.bucket,
                Key=self.key(name),
                UploadId=upload,
                MultipartUpload={"Parts": parts},
            )
            head = self.client.head_object(Bucket=self.bucket, Key=self.key(name))
        self._state(name).unlink(missing_ok=True)
        if head["ContentLength"] != size:
            raise self.refusal("write to", f"{name} has {head['ContentLength']} of {size} bytes")

    def _state(self, name: str) -> Path:
        return self.spool / f"{name}.upload.json"

    def _upload_of(self, name: str, part_bytes: int) -> tuple[str, dict[int, str]]:
        """-> the id of the upload of this file, begun now or before, and the tags of its stored parts"""
        from botocore.exceptions import ClientError

        state = self._state(name)
        try:
            known = json.loads(state.read_text(encoding="utf-8"))
            if (known["bucket"], known["part_bytes"]) == (self.bucket, part_bytes):
                upload = str(known["upload"])
                pages = self.client.get_paginator("list_parts").paginate(
                    Bucket=self.bucket, Key=self.key(name), UploadId=upload
                )
                stored = {
                    int(part["PartNumber"]): str(part["ETag"])
                    for page in pages
                    for part in page.get("Parts", [])
                    if part["Size"] == part_bytes
                }
                log("backup.upload_continues", name=name, parts=len(stored))
                return upload, stored
        except (FileNotFoundError, ValueError, KeyError, TypeError):
            pass
        except ClientError as exc:
            if exc.response.get("Error", {}).get("Code") not in GONE:
                raise
        answer = self.client.create_multipart_upload(
            Bucket=self.bucket, Key=self.key(name), ContentType="application/octet-stream"
        )
        upload = str(answer["UploadId"])
        known = {"bucket": self.bucket, "upload": upload, "part_bytes": part_bytes}
        state.write_text(json.dumps(known), encoding="utf-8")
        return upload, {}

    def get(self, name: str, path: Path) -> None:
        with self.explained("read"):
            answer = self.client.get_object(Bucket=self.bucket, Key=self.key(name))
            with path.open("wb") as file:
                for piece in answer["Body"].iter_chunks(1024 * 1024):
                    file.write(piece)

    def remove(self, name: str) -> None:
        with self.explained("remove from"):
            self.client.delete_object(Bucket=self.bucket, Key=self.key(name))
