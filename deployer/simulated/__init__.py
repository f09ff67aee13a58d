"""A Docker engine in memory that answers like a real one of a chosen release.

`SimulatedEngine` implements the same protocol as the engine client; `tests/contract` holds both to the same behaviour.
It serves tests, and playbooks tried out on hosts with `connection: simulated`.
"""

from deployer.simulated.engine import SimulatedEngine, open_simulated
from deployer.simulated.profile import HostFacts

__all__ = ["HostFacts", "SimulatedEngine", "open_simulated"]
