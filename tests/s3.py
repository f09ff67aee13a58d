"""A server that speaks S3, in this process."""

from __future__ import annotations

import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

BUCKET = "backups-of-all"
KEY, SECRET = "AKIASENTINEL000000", "s3ntinel-secret-key"


@contextmanager
def server() -> Iterator[str]:
    """Its address. It has one bucket, and takes any credentials."""
    from moto.moto_server.threaded_moto_server import ThreadedMotoServer

    running = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    running.start()
    try:
        _, port = running.get_host_and_port()
        address = f"http://127.0.0.1:{port}"
        # The data of all servers of a process is in one place.
        urllib.request.urlopen(urllib.request.Request(f"{address}/moto-api/reset", method="POST")).close()
        client(address).create_bucket(Bucket=BUCKET)
        yield address
    finally:
        running.stop()


def client(address: str) -> Any:
    import boto3

    found = {"aws_access_key_id": KEY, "aws_secret_access_key": SECRET, "region_name": "us-east-1"}
    return boto3.client("s3", endpoint_url=address, **found)


def keys(address: str) -> list[str]:
    return sorted(each["Key"] for each in client(address).list_objects_v2(Bucket=BUCKET).get("Contents", ()))
