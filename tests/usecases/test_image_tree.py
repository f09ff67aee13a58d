"""Who sends an image to which host."""

from __future__ import annotations

import threading
from collections import Counter
from concurrent.futures import ThreadPoolExecutor

import pytest

from deployer.errors import ResourceError
from deployer.usecases.image_tree import Giver, ImageTree

FANOUT, HOSTS = 2, 10


def giver(number: int, *, containerd: bool = False) -> Giver:
    return Giver(f"h{number}", containerd, "1.47")


def sent(tree: ImageTree, own: Giver, *, may_give: bool = True, broken: tuple[str, ...] = ()) -> str:
    """Who sent it: a host, or "" for this machine."""
    while True:
        try:
            with tree.turn(own if may_give else None, containerd=own.containerd) as found:
                if found is None:
                    with tree.from_here():
                        return ""
                if found.host in broken:
                    raise ResourceError("no ssh")
                return found.host
        except ResourceError:
            continue


def everyone(tree: ImageTree, hosts: list[Giver], *, may_give: bool = True) -> list[str]:
    with ThreadPoolExecutor(len(hosts)) as pool:
        return list(pool.map(lambda own: sent(tree, own, may_give=may_give), hosts))


@pytest.mark.parametrize("containerd", (False, True))
def test_this_machine_sends_to_no_more_than_the_fanout(containerd: bool) -> None:
    hosts = [giver(number, containerd=containerd) for number in range(HOSTS)]
    found = Counter(everyone(ImageTree(FANOUT), hosts))
    assert 1 <= found[""] <= FANOUT
    assert sum(found.values()) == HOSTS


def test_hosts_that_may_not_send_it_on_get_it_from_here() -> None:
    assert everyone(ImageTree(FANOUT), [giver(number) for number in range(HOSTS)], may_give=False) == [""] * HOSTS


def test_containerds_store_gets_it_from_another_such_store_only() -> None:
    tree = ImageTree(1)
    tree.add(giver(1))
    assert sent(tree, giver(2, containerd=True)) == ""
    assert sent(tree, giver(3, containerd=True)) == "h2"
    assert sent(tree, giver(4)) == "h1"


def test_a_host_that_cannot_send_it_is_not_asked_again() -> None:
    tree = ImageTree(1)
    tree.add(giver(1))
    assert [sent(tree, giver(2), broken=("h1",)), sent(tree, giver(3))] == ["", "h2"]


def test_one_that_waits_for_a_host_that_fails_gets_it_from_here() -> None:
    tree, begun, ended = ImageTree(1), threading.Event(), list[str]()

    def waits() -> None:
        begun.set()
        ended.append(sent(tree, giver(2)))

    thread = threading.Thread(target=waits)
    with pytest.raises(ResourceError), tree.turn(giver(1), containerd=False) as found:
        assert found is None
        thread.start()
        begun.wait(5)
        raise ResourceError("lost")
    thread.join(5)
    assert ended == [""]
