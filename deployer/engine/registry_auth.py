"""Credentials for a registry: the play's own, else those that `docker login` left on the controller."""

from __future__ import annotations

import base64
import json

from deployer.interfaces import RegistryAuth

TOKEN_USER = "<token>"
"""In place of a user name, marks the password as an identity token: docker's convention for credential helpers."""


def auth_header(auth: RegistryAuth | None) -> dict[str, str]:
    """The `X-Registry-Auth` header; engines pull anonymously without it. JSON in URL-safe base64 (engine.md §3)."""
    if auth is None:
        return {}
    if auth.username == TOKEN_USER:
        fields = {"identitytoken": auth.password, "serveraddress": auth.server}
    else:
        fields = {"username": auth.username, "password": auth.password, "serveraddress": auth.server}
    return {"X-Registry-Auth": base64.urlsafe_b64encode(json.dumps(fields).encode()).decode()}
