"""Names that a replacement gives, taken by containers of others."""

import pytest
from msgspec.structs import replace

from deployer.model.observed import Ownership, Stub
from tests.planning.build import applied
from tests.planning.preflight.looking import judged, refused

WEB = "containers: {web: {image: web:1, keep_previous: 2}}"
NEXT = WEB.replace("web:1", "web:2")


NOBODY = Ownership()


def stub(name: str, owner: Ownership = NOBODY) -> Stub:
    return Stub(f"{name}-1", name, "image", "exited", owner)


@pytest.mark.parametrize("suffix", ["deployer-new", "deployer-old", "previous"])
def test_a_name_beside_the_containers_is_taken(suffix: str) -> None:
    name = f"web.{suffix}"
    host = replace(applied(WEB), others=(stub(name),))
    assert refused(judged(NEXT, host)) == [
        f"shop.yml:1 container.web: requires the name {name}, which another container has"
    ]
    assert judged(WEB, host).refusals == (), "nothing is replaced"


def test_names_of_ones_own_are_given_on() -> None:
    own = Ownership("shop", "container.web")
    host = replace(applied(WEB), kept=(stub("web.previous", own), stub("web.previous-2", own), stub("web.failed", own)))
    assert judged(NEXT, host).refusals == ()
    taken = replace(host, kept=host.kept[:1], others=(stub("web.previous-2"),))
    assert refused(judged(NEXT, taken)) == [
        "shop.yml:1 container.web: requires the name web.previous-2, which another container has"
    ]


def test_a_failed_one_is_removed_where_its_name_is_taken() -> None:
    assert judged(NEXT, replace(applied(WEB), others=(stub("web.failed"),))).refusals == ()
