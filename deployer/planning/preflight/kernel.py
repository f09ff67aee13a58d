"""Whether a host has the kernel settings that its containers require."""

from __future__ import annotations

from collections.abc import Iterator

from deployer.model.desired import Desired
from deployer.model.plan import HostPlan
from deployer.model.settings import ContainerSettings
from deployer.planning.preflight.checked import CheckedHost, Finding
from deployer.values import requirement


def required(plan: HostPlan, desired: Desired) -> Iterator[tuple[str, str, str]]:
    """(container, setting, requirement) of the containers that are created, changed or started."""
    touched = {step.address for step in plan.steps}
    for resource in desired.of(ContainerSettings):
        if resource.address in touched and not resource.absent:
            for name, wanted in sorted(resource.settings.requires.items()):
                yield resource.name, name, wanted


def findings(checked: CheckedHost) -> Iterator[Finding]:
    for container, name, wanted in required(checked.plan, checked.desired):
        address = next(found.address for found in checked.desired.containers if found.name == container)
        live = checked.facts.sysctls.get(name)
        if live is None:
            if checked.facts.sysctls:
                yield checked.refuse(
                    address, f"requires the kernel setting {name}, which the host does not have", "load its module"
                )
            elif not checked.observed.engine.simulated:
                yield f"{address.label}: requires {name} {wanted}; the host's value cannot be read"
        elif not requirement.holds(wanted, live):
            setting = f"{name}={requirement.least(wanted)}"
            hint = f"run sysctl -w {setting} on the host, and write {setting} to a file in /etc/sysctl.d to keep it"
            yield checked.refuse(address, f"requires {name} {wanted}; the host has {live}", hint)
