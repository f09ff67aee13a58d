"""A part of a bucket that speaks S3, by boto3, which is an optional extra.

Data is sent in parts of one size, each with its checksum, so that memory stays flat and services that require equal
parts take it too. Credentials that are not given are those of the environment, of a profile or of the machine.
"""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager, suppress
from typing import Any, Final

from deployer.errors import DeployerError, ResourceError, UnreachableError
from deployer.interfaces import StoredFile
from deployer.model.settings import S3Access
from deployer.values.backup_target import Target

PART: Final = 32 * 1024 * 1024
"""Bytes that are sent at once; 10,000 parts are the most that S3 takes."""

_ATTEMPTS: Final = 5
_CONNECT: Final = 10
_READ: Final = 60
_MISSING: Final = ("404", "NoSuchKey", "NotFound")
_HINTS: Final = {
    "NoSuchBucket": "create the bucket first",
    "AccessDenied": "these credentials need s3:ListBucket, s3:GetObject, s3:PutObject and s3:DeleteObject",
    "InvalidAccessKeyId": "check the credentials, and endpoint_url if the service is not AWS",
    "SignatureDoesNotMatch": "check the secret key",
    "PermanentRedirect": "set the region of the bucket",
    "AuthorizationHeaderMalformed": "set the region of the bucket",
}
_CREDENTIALS: Final = (
    "set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, or AWS_PROFILE, or write access_key and secret_key below s3"
)


def open_bucket(target: Target, access: S3Access, learn: Callable[[Iterable[str]], object]) -> Bucket:
    """`learn` gets what must not be shown. Raises `ResourceError`."""
    try:
        import boto3
        from botocore.config import Config
    except ImportError as error:
        hint = "install it: pip install 'deployer-docker[s3]', or pipx inject deployer-docker boto3"
        raise ResourceError(f"{target} needs boto3, which is not installed", hint=hint) from error
    config = Config(
        retries={"mode": "standard", "total_max_attempts": _ATTEMPTS},
        connect_timeout=_CONNECT,
        read_timeout=_READ,
        # Parts have an MD5, which every service verifies; the newer checksums are known to some only.
        request_checksum_calculation="when_required",
        response_checksum_validation="when_required",
    )
    with _explaining(str(target)):
        session = boto3.Session(
            aws_access_key_id=access.access_key or None,
            aws_secret_access_key=access.secret_key or None,
            aws_session_token=access.session_token or None,
            region_name=access.region or None,
            profile_name=access.profile or None,
        )
        found = session.get_credentials()
        if found is None:
            raise ResourceError(f"there are no credentials for {target}", hint=_CREDENTIALS)
        frozen = found.get_frozen_credentials()
        learn(filter(None, (frozen.secret_key, frozen.token)))
        client = session.client("s3", endpoint_url=access.endpoint_url or None, config=config)
    return Bucket(client, target)


class Bucket:
    """`Store` of the keys that begin with the path of the target."""

    def __init__(self, client: Any, target: Target) -> None:
        self._client = client
        self._target = target
        self._prefix = f"{target.path}/" if target.path else ""

    def place(self, name: str) -> str:
        return f"{self._target}/{name}"

    def list(self) -> Sequence[StoredFile]:
        with _explaining(str(self._target)):
            pages = self._client.get_paginator("list_objects_v2").paginate(
                Bucket=self._target.at, Prefix=self._prefix, Delimiter="/"
            )
            found = [entry for page in pages for entry in page.get("Contents") or ()]
        names = ((entry["Key"].removeprefix(self._prefix), entry["Size"]) for entry in found)
        return sorted((StoredFile(name, size) for name, size in names if name), key=lambda each: each.name)

    def size(self, name: str) -> int | None:
        from botocore.exceptions import ClientError

        with _explaining(self.place(name)):
            try:
                return int(self._client.head_object(**self._key(name))["ContentLength"])
            except ClientError as error:
                if _code(error) in _MISSING:
                    return None
                raise

    def fetch(self, name: str, start: int, size: int) -> bytes:
        from botocore.exceptions import HTTPClientError

        with _explaining(self.place(name)):
            for _ in range(_ATTEMPTS - 1):
                # A connection that was lost within an answer.
                with suppress(HTTPClientError):
                    return self._fetch(name, start, size)
            return self._fetch(name, start, size)

    def _fetch(self, name: str, start: int, size: int) -> bytes:
        found = self._client.get_object(**self._key(name), Range=f"bytes={start}-{start + size - 1}")
        return bytes(found["Body"].read())

    def put(self, name: str, content: Iterable[bytes]) -> None:
        parts = parts_of(content)
        first = next(parts, b"")
        if len(first) < PART:
            with _explaining(self.place(name)):
                self._client.put_object(**self._key(name), **_body(first))
            return
        with _explaining(self.place(name)):
            upload = {
                **self._key(name),
                "UploadId": self._client.create_multipart_upload(**self._key(name))["UploadId"],
            }
        try:
            done = [self._part(name, upload, 1, first)]
            del first
            for number, part in enumerate(parts, 2):
                done.append(self._part(name, upload, number, part))
            with _explaining(self.place(name)):
                self._client.complete_multipart_upload(**upload, MultipartUpload={"Parts": done})
        except BaseException:
            with suppress(DeployerError), _explaining(self.place(name)):
                self._client.abort_multipart_upload(**upload)
            raise

    def _part(self, name: str, upload: dict[str, str], number: int, part: bytes) -> dict[str, Any]:
        with _explaining(self.place(name)):
            answer = self._client.upload_part(**upload, PartNumber=number, **_body(part))
        return {"PartNumber": number, "ETag": answer["ETag"]}

    def remove(self, name: str) -> None:
        with _explaining(self.place(name)):
            self._client.delete_object(**self._key(name))

    def _key(self, name: str) -> dict[str, str]:
        return {"Bucket": self._target.at, "Key": f"{self._prefix}{name}"}


def parts_of(content: Iterable[bytes]) -> Iterator[bytes]:
    """Of one size, but for the last one."""
    pending = bytearray()
    for piece in content:
        pending += piece
        while len(pending) >= PART:
            with memoryview(pending) as view:
                part = bytes(view[:PART])
            del pending[:PART]
            yield part
    if pending:
        yield bytes(pending)


def _body(data: bytes) -> dict[str, Any]:
    digest = hashlib.md5(data, usedforsecurity=False).digest()
    return {"Body": data, "ContentMD5": base64.b64encode(digest).decode()}


def _code(error: Any) -> str:
    return str(error.response.get("Error", {}).get("Code", ""))


@contextmanager
def _explaining(place: str) -> Iterator[None]:
    from botocore import exceptions

    try:
        yield
    except exceptions.ClientError as error:
        code = _code(error)
        said = str(error.response.get("Error", {}).get("Message") or code)
        raise ResourceError(f"{place}: {said}", hint=_HINTS.get(code, "")) from error
    except (exceptions.HTTPClientError, exceptions.ConnectionError) as error:
        raise UnreachableError(f"{place}: {error}", hint="check endpoint_url and the network") from error
    except (exceptions.NoCredentialsError, exceptions.PartialCredentialsError, exceptions.ProfileNotFound) as error:
        raise ResourceError(f"{place}: {error}", hint=_CREDENTIALS) from error
    except (exceptions.BotoCoreError, ValueError) as error:
        raise ResourceError(f"{place}: {error}") from error
