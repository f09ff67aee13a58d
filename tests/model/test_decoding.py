"""Records that several threads read for the first time at once."""

import subprocess
import sys

PROGRAM = """
import importlib, sys, threading
from deployer.engine import answers

sys.setswitchinterval(1e-6)
for _ in range(30):
    importlib.reload(answers)
    start, found = threading.Barrier(4), []

    def read():
        start.wait()
        given = [{"Id": "a", "Ports": [{"PrivatePort": 80}]}]
        found.append(answers.read(given, tuple[answers.ListedContainer, ...], "/containers/json"))

    threads = [threading.Thread(target=read) for _ in range(4)]
    [thread.start() for thread in threads]
    [thread.join() for thread in threads]
    assert [listed.ports[0].private_port for listed, in found] == [80] * 4
"""


def test_the_first_use_of_a_type_in_several_threads() -> None:
    """Without a lock, the process crashes."""
    done = subprocess.run([sys.executable, "-c", PROGRAM], capture_output=True, text=True, timeout=60, check=False)
    assert (done.returncode, done.stderr) == (0, "")
