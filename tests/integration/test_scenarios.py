"""Playbooks of the repository with the real software, used as their users would."""

from __future__ import annotations

import urllib.parse
import urllib.request
import xmlrpc.client
from pathlib import Path

import pytest
import yaml

from tests.integration.support import Site
from tests.lab.host import Host
from tests.lab.settings import CHECKOUT

pytestmark = pytest.mark.lab

ADMIN, PASSWORD = "ann", "correct horse battery"


def page(host: Host, path: str = "/", **form: str) -> str:
    data = urllib.parse.urlencode(form).encode() if form else None
    with urllib.request.urlopen(f"http://{host.address}:8000{path}", data, timeout=30) as answer:
        return str(answer.read().decode())


def test_wordpress(host: Host, tmp_path: Path) -> None:
    """A post survives the replacement of the web container, and of the database by its backup."""
    site = Site(tmp_path, host, wordpress_db_password="one w$rd #%", mysql_root_password="two")
    play = yaml.safe_load((CHECKOUT / "playbooks" / "wordpress.yml").read_text("utf-8"))[0]
    play["containers"]["db"]["healthcheck"]["interval"] = "1s"
    site.write(play).converge()
    assert "WordPress" in page(host)
    install = {"admin_password": PASSWORD, "admin_password2": PASSWORD, "pw_weak": "on"}
    install |= {"weblog_title": "Shop", "user_name": ADMIN, "admin_email": "ann@example.com", "blog_public": "0"}
    assert "Success" in page(host, "/wp-admin/install.php?step=2", **install)
    service = xmlrpc.client.ServerProxy(f"http://{host.address}:8000/xmlrpc.php")
    content = {"post_title": "Opening", "post_content": "We are open", "post_status": "publish"}
    post = str(service.wp.newPost(0, ADMIN, PASSWORD, content))
    assert "We are open" in page(host, f"/?p={post}")
    play["containers"]["wordpress"]["environment"]["TZ"] = "Europe/Berlin"
    site.write(play).converge()
    assert "We are open" in page(host, f"/?p={post}")
    consent = [f"--allow-data-loss={host.name}/volume.{name}" for name in ("db-data", "wordpress-files")]
    volume, archive, where = f"{host.name}/db-data", str(tmp_path / "db.tar.zst"), ("-i", str(site.inventory), "--yes")
    for words in (
        ("volume", "backup", volume, "-o", archive, *where),
        ("destroy", "--volumes", *consent, "--yes", *site.arguments),
        ("volume", "restore", archive, volume, *where),
    ):
        done = site.run(*words)
        assert done.code == 0, (words, done.out, done.err)
        if words[0] == "destroy":
            assert "db-data" not in host.docker("volume", "ls", "-q").split()
    site.converge()
    assert "We are open" in page(host, f"/?p={post}")
