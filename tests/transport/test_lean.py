"""What is left out while paramiko loads is there for everybody else, and servers are told the truth."""

import subprocess
import sys
from importlib import metadata

SCRIPT = """
import sys
from deployer.transport.lean import paramiko
print("invoke" in sys.modules, paramiko.Transport._CLIENT_ID)
"""


def test_nothing_stays_hidden_and_servers_are_told_the_version_of_paramiko() -> None:
    done = subprocess.run([sys.executable, "-c", SCRIPT], capture_output=True, text=True, check=True)
    assert done.stdout == f"False paramiko_{metadata.version('paramiko')}\n"
