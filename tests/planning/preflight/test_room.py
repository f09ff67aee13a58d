"""Whether there is room for what is pulled and made."""

from deployer.model.plan import Moved, MovedVolume
from deployer.model.preflight import Facts, Room
from deployer.planning.moves import with_move
from deployer.planning.policy import Policy
from deployer.planning.preflight import judge
from deployer.planning.reconcile import reconcile
from tests.planning.build import applied, play
from tests.planning.preflight.looking import NOTHING, asked, judged, refused

WEB = "containers: {web: {image: 'web:1'}}"
MIB = 1024**2


def room(free: int, left: int | None = None) -> Room:
    return Room("/var/lib/docker", free, free if left is None else left)


def test_nothing_can_be_made_where_nothing_is_left() -> None:
    plan = judged(WEB, room=room(0, MIB - 1))
    assert refused(plan) == ["shop.yml:1 image.web:1: no space is left in /var/lib/docker"]
    assert plan.refusals[0].hint == ("free space in /var/lib/docker; docker system df on the host shows what uses it")


def test_blocks_reserved_for_root_count_as_free() -> None:
    plan = judged(WEB, room=room(0, 5 * 1024 * MIB))
    assert (plan.refusals, plan.notes) == ((), ("image.web:1: only 0 B are free in /var/lib/docker",))


def test_little_room_for_an_image_of_which_nothing_is_known() -> None:
    assert judged(WEB, room=room(700 * MIB)).notes == ("image.web:1: only 700.0 MiB are free in /var/lib/docker",)
    assert judged(WEB, room=room(1024 * MIB)).notes == ()


def test_the_image_of_the_same_name_says_how_much_may_be_needed() -> None:
    sizes = {"docker.io/library/web": 300 * MIB}
    assert judged(WEB, room=room(400 * MIB), sizes=sizes).notes == ()
    text = "only 200.0 MiB are free in /var/lib/docker; the present image of the same name uses 300.0 MiB"
    assert judged(WEB, room=room(200 * MIB), sizes=sizes).notes == (f"image.web:1: {text}",)


def test_a_container_of_an_image_that_is_there_needs_little() -> None:
    there = applied("images: {'web:1': {}}")
    assert judged(WEB, there, room=room(2 * MIB)).notes == ()
    assert refused(judged(WEB, there, room=room(10))) == [
        "shop.yml:1 container.web: no space is left in /var/lib/docker"
    ]


def test_it_is_only_asked_where_something_is_written() -> None:
    assert asked(WEB).room
    assert not asked("containers: {web: {image: 'web:1', state: absent}}", applied(WEB)).room
    assert judged("", NOTHING, room=room(0)).refusals == ()


def test_the_volumes_that_are_moved_need_their_size() -> None:
    desired = play("volumes: {data: {}}\ncontainers: {web: {image: 'web:1', volumes: ['data:/data']}}")
    moved = Moved("h9", (("web", "1"),), ("web",), (MovedVolume("data", 6 * MIB), MovedVolume("more")))
    plan = with_move(reconcile(desired, NOTHING, Policy()), moved)
    assert refused(judge(plan, desired, NOTHING, Facts(room=room(2 * MIB, 5 * MIB)))) == [
        "shop.yml:1 volume.data: the volumes that are moved need 6.0 MiB, and 5.0 MiB are free in /var/lib/docker"
    ]
    assert judge(plan, desired, NOTHING, Facts(room=room(2 * MIB, 7 * MIB))).refusals == ()
