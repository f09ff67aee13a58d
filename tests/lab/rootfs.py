"""The root file systems of hosts: one Docker engine a Debian release."""

from tests.lab.layers import Layer

MINBASE = {suite: Layer(f"minbase-{suite}", suite) for suite in ("bookworm", "trixie", "forky")}

_HOST_PACKAGES = ("docker.io", "openssh-server", "iptables", "iproute2", "procps", "sudo", "tini", "pigz")
_OWN_PACKAGES = {
    # Docker 20.10, API 1.41; the registry and the busybox of the images come from here too.
    "bookworm": ("docker-registry", "busybox-static"),
    # Docker 26.1, API 1.45, with Compose v2 and Buildx as plugins of the CLI.
    "trixie": ("docker-cli", "docker-compose", "docker-buildx"),
    # Docker 28.5, API 1.51, or whatever is newest: the release is in the making.
    "forky": ("docker-cli", "docker-compose", "docker-buildx"),
}
# Users: root; deploy may open the socket; admin may not, but has sudo without a password; guest has no rights at all.
# '*' as password: no password fits, yet the account is not locked, so that keys are accepted.
_HOST_SCRIPT = """
rm -f /etc/ssh/ssh_host_*
useradd --create-home --shell /bin/bash --groups docker deploy
useradd --create-home --shell /bin/bash admin
useradd --create-home --shell /bin/bash guest
usermod -p '*' root; usermod -p '*' deploy; usermod -p '*' admin; usermod -p '*' guest
echo 'admin ALL=(ALL) NOPASSWD: ALL' > /etc/sudoers.d/admin
chmod 0440 /etc/sudoers.d/admin
mkdir -p /etc/docker /var/lib/docker
"""

HOSTS = {
    suite: Layer(f"host-{suite}", suite, (*_HOST_PACKAGES, *own), _HOST_SCRIPT, MINBASE[suite])
    for suite, own in _OWN_PACKAGES.items()
}
