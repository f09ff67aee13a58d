"""What errors of registries mean, as engines pass them on, and what to do about them."""

import pytest

from deployer.model.registry import Availability, meaning, remedy

DOMAIN = "reg.example.com"
HEAD = f'Head "https://{DOMAIN}/v2/web/manifests/1": '
FAILED = "the registry failed, and its log may say why: apply again later; complete layers are kept"
FORMAT = "the host's engine does not support the format of this image: upgrade the engine"
DIAL = f'Get "https://{DOMAIN}/v2/": dial tcp '


@pytest.mark.parametrize(
    ("message", "kind", "hint"),
    [
        (
            "toomanyrequests: retry-after: 12s, allowed: 44000/minute",
            Availability.LIMITED,
            "apply again in 12s; a login may allow more pulls",
        ),
        (
            f"{HEAD}429 Too Many Requests",
            Availability.LIMITED,
            "apply again later; a login may allow more pulls",
        ),
        (
            f"{DIAL}10.0.0.9:443: x509: certificate signed by unknown authority",
            Availability.UNREACHABLE,
            f"make the host's engine trust it: put its CA in /etc/docker/certs.d/{DOMAIN}/ca.crt on the host",
        ),
        (
            f"{HEAD}http: server gave HTTP response to HTTPS client",
            Availability.UNREACHABLE,
            f"it does not use TLS: add {DOMAIN} to insecure-registries in the engine's daemon.json",
        ),
        (
            f"{DIAL}lookup {DOMAIN} on 10.0.0.2:53: no such host",
            Availability.UNREACHABLE,
            "check the name of the registry, and the DNS servers of the host",
        ),
        (
            f"{DIAL}10.0.0.9:443: connect: connection refused",
            Availability.UNREACHABLE,
            "nothing listens at this address: check the port, and whether the registry runs",
        ),
        (
            f"{DIAL}10.0.0.9:443: i/o timeout",
            Availability.UNREACHABLE,
            "check the address of the registry, and firewalls and proxies between it and the host",
        ),
        (
            f"{HEAD}tls: first record does not look like a TLS handshake",
            Availability.UNREACHABLE,
            f"it does not use TLS: add {DOMAIN} to insecure-registries in the engine's daemon.json",
        ),
        *(
            (said, Availability.UNKNOWN, FAILED)
            for said in (
                "received unexpected HTTP status: 500 Internal Server Error",
                f"{HEAD}unexpected status from GET request to https://{DOMAIN}/v2/x: 503 Service Unavailable",
                "error from registry: disk failure",
            )
        ),
        *(
            (said, Availability.UNKNOWN, FORMAT)
            for said in (
                "missing signature key",
                "failed to unpack image on snapshotter overlayfs: unexpected media type x/y for sha256:058f: not found",
                "failed to get stream processor for application/x.tar+br: no processor for media-type",
            )
        ),
        (
            "unexpected EOF",
            Availability.UNREACHABLE,
            "the registry closed the connection: apply again; complete layers are kept",
        ),
        (
            "no matching manifest for linux/s390x in the manifest list entries",
            Availability.UNKNOWN,
            "set 'platform' to one that the image has, or choose a tag for this platform",
        ),
        (
            "mediaType in manifest should be 'application/vnd.oci.image.manifest.v1+json'",
            Availability.UNKNOWN,
            "the host's engine does not support the format of this image: upgrade the engine",
        ),
        (
            f"{HEAD}no basic auth credentials",
            Availability.DENIED,
            f"set them under 'registries' in the play, or run deployer login {DOMAIN}",
        ),
        (
            "manifest for web:1 not found: manifest unknown: manifest unknown",
            Availability.MISSING,
            "check the name and the tag; it may also require a login",
        ),
        ("something else", Availability.UNKNOWN, ""),
    ],
)
def test_each_error_has_its_own_remedy(message: str, kind: Availability, hint: str) -> None:
    assert (meaning(message), remedy(DOMAIN, message, authenticated=False)) == (kind, hint)


def test_with_credentials_they_are_what_to_check() -> None:
    found = remedy(DOMAIN, "unauthorized: authentication required", authenticated=True)
    assert found == f"check the credentials of {DOMAIN} under 'registries', and their access to this image"
    assert remedy(DOMAIN, "manifest unknown", authenticated=True) == "check the name and the tag"
