"""Docker's own client sends the same files of a context as deployer."""

from __future__ import annotations

import io
import os
import subprocess
import tarfile
from pathlib import Path

import pytest

from tests.lab.host import Host
from tests.lab.peers import buildx
from tests.values.ignored import CASES, TREE


@pytest.mark.lab
def test_buildx_leaves_out_the_same_files(host_28: Host, tmp_path: Path) -> None:
    for path in (*TREE, "Dockerfile"):
        (tmp_path / path).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / path).write_text("FROM scratch\nCOPY . /\n")
    own = {**os.environ, "DOCKER_HOST": f"unix://{host_28.docker_socket}", "DOCKER_CONFIG": str(tmp_path.parent)}
    command = [str(buildx()), "build", "-q", "--output", "type=tar,dest=-", str(tmp_path)]
    for text, left in CASES:
        (tmp_path / ".dockerignore").write_text(text)
        done = subprocess.run(command, env=own, capture_output=True, check=True)
        with tarfile.open(fileobj=io.BytesIO(done.stdout)) as archive:
            sent = {found.name for found in archive if found.isfile()} - {"Dockerfile", ".dockerignore"}
        assert sorted(sent) == sorted(left.split()), text
