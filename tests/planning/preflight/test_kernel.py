"""Kernel settings of the host that containers require."""

from tests.planning.build import applied, changes
from tests.planning.preflight.looking import asked, judged, refused

ELK = """
containers:
  elk:
    image: elk:1
    requires: {sysctl: {vm.max_map_count: ">= 262144", net.core.somaxconn: 4096}}
  web: {image: web:1}
"""
ENOUGH = {"vm.max_map_count": "1048576", "net.core.somaxconn": "4096"}


def test_only_what_containers_with_steps_require_is_looked_for() -> None:
    assert asked(ELK).sysctls == {"vm.max_map_count", "net.core.somaxconn"}
    assert not asked(ELK, applied(ELK)).sysctls
    changed = applied(ELK.replace("elk:1", "elk:0"))
    assert asked(ELK, changed).sysctls == {"vm.max_map_count", "net.core.somaxconn"}
    stopped = ELK.replace("image: elk:1\n", "image: elk:1\n    state: stopped\n")
    assert asked(ELK, applied(stopped)).sysctls == {"vm.max_map_count", "net.core.somaxconn"}


def test_a_host_without_them_is_refused_with_the_command_that_sets_them() -> None:
    found = judged(ELK, sysctls={**ENOUGH, "vm.max_map_count": "65530"})
    assert refused(found) == [
        "shop.yml:2 container.elk: requires vm.max_map_count >=262144; the host has 65530",
    ]
    assert found.refusals[0].hint == (
        "run sysctl -w vm.max_map_count=262144 on the host, and write vm.max_map_count=262144 to a file in "
        "/etc/sysctl.d to keep it"
    )
    assert changes(found) == ["+ image.elk:1 (pull)", "+ image.web:1 (pull)", "+ container.web"]
    missing = judged(ELK, sysctls={"vm.max_map_count": "262144"})
    assert refused(missing) == [
        "shop.yml:2 container.elk: requires the kernel setting net.core.somaxconn, which the host does not have",
    ]


def test_a_host_that_has_them_is_not_mentioned_and_one_that_cannot_be_asked_is_noted() -> None:
    assert (judged(ELK, sysctls=ENOUGH).refusals, judged(ELK, sysctls=ENOUGH).notes) == ((), ())
    found = judged(ELK)
    assert (found.refusals, found.notes) == (
        (),
        (
            "container.elk: requires net.core.somaxconn 4096; the host's value cannot be read",
            "container.elk: requires vm.max_map_count >=262144; the host's value cannot be read",
        ),
    )
