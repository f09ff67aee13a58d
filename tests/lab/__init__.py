"""Real test hosts on one machine: each host is a real sshd and a real dockerd in namespaces of its own.

`python -m tests.lab up` starts them, `python -m tests.lab down` removes every trace but the cache. Tests use
`tests.lab.lab` (`up`, `down`, `running`), `tests.lab.host.Host` and `tests.lab.faults`.
"""
