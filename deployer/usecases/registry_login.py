"""Credentials of registries on this machine, kept where the docker command keeps them."""

from __future__ import annotations

from deployer.engine import registry_auth
from deployer.errors import RegistryError
from deployer.model.registry import Availability, meaning

_DENIED = (401, 403)


def login(registry: str, username: str, password: str, *, insecure: bool) -> str:
    """Check the credentials at the registry and keep them; returns where. Raises `RegistryError`, `DeployerError`."""
    from deployer.engine.registry_api import Registry

    auth = registry_auth.auth_of(registry, username, password)
    try:
        Registry(registry, auth, insecure=insecure).check()
    except RegistryError as error:
        if error.status in _DENIED or meaning(error.message) is Availability.DENIED:
            hint = "check the user name and the password; some registries take only access tokens"
            raise RegistryError(f"{registry} rejects the credentials", status=error.status, hint=hint) from error
        raise
    return registry_auth.save(registry, auth)


def logout(registry: str) -> bool:
    """Forget them; False if there were none."""
    return registry_auth.forget(registry)
