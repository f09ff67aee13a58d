"""What is left out while paramiko loads is there for everybody else."""

import subprocess
import sys
from importlib import metadata

SCRIPT = """
import sys
from deployer.transport.lean import paramiko
print(sorted({"invoke", "importlib.metadata"} & set(sys.modules)))
from importlib import metadata
print(metadata.version("paramiko"), paramiko.Transport._CLIENT_ID)
"""


def test_nothing_stands_in_for_it_afterwards() -> None:
    done = subprocess.run([sys.executable, "-c", SCRIPT], capture_output=True, text=True, check=True)
    assert done.stdout.splitlines() == ["[]", f"{metadata.version('paramiko')} paramiko_deployer"]
