"""Saved plans: what they hold, when a host has changed since, and that no secret is in them."""

from __future__ import annotations

import json
import re
from typing import Any

import pytest
from msgspec.structs import replace

from deployer.errors import InputError
from deployer.model.desired import Desired
from deployer.model.observed import Observed
from deployer.model.operations import CreateContainer
from deployer.model.plan import HostPlan, Plan, PlayPlan
from deployer.usecases import planfile
from deployer.usecases.load import Request
from deployer.usecases.planfile import SavedHost, SavedPlan, decode, encode, fingerprint, refuse_stale, save
from tests.planning.build import EMPTY, applied, changed, plan, play

SHOP = """
networks: {front: {}}
volumes: {data: {}}
containers: {web: {image: web:1, networks: [front], mem_limit: 64m, environment: {MODE: a}, labels: {x: y}}}
"""


def made(wish: str | Desired = SHOP, on: Observed | None = None) -> HostPlan:
    return plan(wish, on if on is not None else applied(EMPTY))


def of(*hosts: HostPlan) -> Plan:
    return Plan((PlayPlan("Web", "shop", hosts, (tuple(host.host for host in hosts),)),))


def saved(found: Plan) -> SavedPlan:
    return save(
        found,
        made_at="2026-01-02",
        version="1.0",
        request=Request(limit="web", extra_vars=("pw=hunter2",), forks=7),
        inline="",
        shown="the plan",
    )


# The file


def test_there_and_back() -> None:
    before = saved(of(made()))
    after = decode(encode(before), "plan.json")
    assert after == before
    assert after.request == Request(limit="web"), "neither -e nor how fast it ran is kept"
    assert after.hosts[0].changes == {
        "image.web:1": "create, pull",
        "network.front": "create",
        "volume.data": "create",
        "container.web": "create",
    }


@pytest.mark.parametrize("document", [None, [], "text", {}, {"format": "deployer-plan/0"}])
def test_files_that_are_not_saved_plans(document: Any) -> None:
    with pytest.raises(InputError, match=r"plan\.json: is not a saved plan of format deployer-plan/1"):
        decode(json.dumps(document), "plan.json")


@pytest.mark.parametrize("text", ["", "{", "\x00", '{"shown": ' + "[" * 100_000])
def test_a_saved_plan_must_be_json(text: str) -> None:
    with pytest.raises(InputError, match=r"plan\.json: is not a saved plan; deployer plan -o FILE creates one"):
        decode(text, "plan.json")


@pytest.mark.parametrize("missing", ["made_at", "version", "request", "hosts", "shown", "extra_vars_digest"])
def test_a_damaged_plan(missing: str) -> None:
    document = json.loads(encode(saved(of(made()))))
    del document[missing]
    with pytest.raises(InputError, match=f"is damaged: Object missing required field `{missing}`; create a new plan"):
        decode(json.dumps(document), "plan.json")


@pytest.mark.parametrize(
    ("damaged", "what"),
    [
        ({"hosts": None}, "Expected `array`, got `null` - at `$.hosts`"),
        ({"hosts": [None]}, "Expected `object`, got `null` - at `$.hosts[0]`"),
        ({"hosts": [{}]}, "Object missing required field `host` - at `$.hosts[0]`"),
        (
            {"hosts": [{"host": "a", "play": "x", "fingerprint": "", "changes": {}}]},
            "Expected `int`, got `str` - at `$.hosts[0].play`",
        ),
        ({"request": {"limit": 7}}, "Expected `str`, got `int` - at `$.request.limit`"),
        ({"request": {"tags": "web"}}, "Expected `array`, got `str` - at `$.request.tags`"),
    ],
)
def test_a_damaged_plan_says_where(damaged: dict[str, Any], what: str) -> None:
    document = json.loads(encode(saved(of(made())))) | damaged
    with pytest.raises(InputError, match=re.escape(f"plan.json: is damaged: {what}; create a new plan")):
        decode(json.dumps(document), "plan.json")


WRITTEN = """{
 "extra_vars_digest": "",
 "format": "deployer-plan/1",
 "hosts": [
  {
   "changes": {
    "container.web": "+",
    "image.nginx:latest": "+ pull",
    "network.front": "+"
   },
   "fingerprint": "8b05a4f84a488af59f65179bffc1ed9b7f8858a1975957e075c527ee11f87156",
   "host": "web1",
   "play": 0
  }
 ],
 "made_at": "2026-11-28T13:44:33+00:00",
 "request": {
  "adopt": false,
  "allow_data_loss": [],
  "ask_become_pass": false,
  "ask_vault_pass": false,
  "containers": [],
  "inventory": [
   "hosts.yml"
  ],
  "limit": "",
  "playbooks": [
   "shop.yml"
  ],
  "private_key": "",
  "project": "",
  "prune": false,
  "prune_hosts": [],
  "skip_tags": [],
  "tags": [],
  "user": "",
  "vault_ids": [],
  "vault_password_files": []
 },
 "shown": "shop on web1 (simulated)\\n",
 "version": "0.1.0"
}
"""


def test_a_plan_that_an_earlier_release_wrote_is_read() -> None:
    assert decode(WRITTEN, "plan.json") == SavedPlan(
        made_at="2026-11-28T13:44:33+00:00",
        version="0.1.0",
        request=Request(playbooks=("shop.yml",), inventory=("hosts.yml",)),
        inline="",
        hosts=(
            SavedHost(
                "web1",
                0,
                "8b05a4f84a488af59f65179bffc1ed9b7f8858a1975957e075c527ee11f87156",
                {"container.web": "+", "image.nginx:latest": "+ pull", "network.front": "+"},
            ),
        ),
        shown="shop on web1 (simulated)\n",
    )


def test_no_secret_is_in_it() -> None:
    keys = "environment: {PW: '{{ pw }}', URL: 'pg://u:{{ pw }}@db'}, command: ['{{ pw }}']"
    text = f"containers: {{web: {{image: web:1, {keys}}}}}"
    for old, new in (("", "hunter2"), ("hunter2", "swordfish")):
        on = applied(play(text, secrets={"pw": old})) if old else applied(EMPTY)
        document = encode(saved(of(made(play(text, secrets={"pw": new}), on))))
        assert "hunter2" not in document
        assert "swordfish" not in document


# The fingerprint


def test_the_same_again_has_the_same_fingerprint() -> None:
    assert fingerprint(made()) == fingerprint(made())
    assert len(fingerprint(made())) == 64


DIFFERENT = {
    "a value": SHOP.replace("64m", "65m"),
    "a variable": SHOP.replace("MODE: a", "MODE: b"),
    "a label": SHOP.replace("x: y", "x: z"),
    "an image": SHOP.replace("web:1", "web:2"),
    "a name": SHOP.replace("web: {", "api: {"),
    "a network": SHOP.replace("front: {}", "front: {internal: true}"),
    "a volume": SHOP.replace("data: {}", "data: {labels: {a: b}}"),
    "one more": SHOP.replace("data: {}", "data: {}, more: {}"),
    "the state": SHOP.replace("image:", "state: created, image:"),
    "a platform": SHOP.replace("image:", "platform: linux/arm64, image:"),
}


@pytest.mark.parametrize("wish", DIFFERENT.values(), ids=DIFFERENT.keys())
def test_relevant_changes_change_the_fingerprint(wish: str) -> None:
    assert fingerprint(made(wish)) != fingerprint(made())


def test_a_secret_changes_it() -> None:
    text = "containers: {web: {image: web:1, environment: {PW: '{{ pw }}'}}}"
    one, two = (made(play(text, secrets={"pw": pw})) for pw in ("hunter2", "swordfish"))
    assert fingerprint(one) != fingerprint(two)


def test_the_object_that_it_is_done_to_changes_it() -> None:
    wish = SHOP.replace("64m", "65m")
    same, other = applied(SHOP), changed(applied(SHOP), "web", id="another")
    assert fingerprint(made(wish, same)) != fingerprint(made(wish, other))


def test_irrelevant_changes_keep_the_fingerprint() -> None:
    reordered = """
containers: {web: {labels: [x=y], environment: [MODE=a], memory: 65536k, networks: {front: }, image: 'docker.io/web:1'}}
volumes: {data: }
networks: {front: }
"""
    assert fingerprint(made(reordered)) == fingerprint(made())
    noted = replace(made(), notes=("a note",), changes=())
    assert fingerprint(noted) == fingerprint(made())


def test_the_fingerprint_distinguishes_keys_and_values() -> None:
    def with_labels(labels: dict[str, str]) -> str:
        step = made().steps[2]
        operation = CreateContainer("web", {"Labels": labels})
        return fingerprint(replace(made(), steps=(replace(step, operation=operation),)))

    assert with_labels({"a": "1", "b": "2"}) != with_labels({"a:'1',b": "2"})
    assert with_labels({"a": "1", "b": "2"}) == with_labels({"b": "2", "a": "1"})


def test_the_key_that_seals_records_does_not_matter_and_the_secrets_do() -> None:
    """The plan of one controller is applied by another. Without the slow key, a secret could be found by trying."""
    text = "containers: {web: {image: web:1, environment: {PW: '{{ pw }}'}}}"
    one, other = (made(play(text, secrets={"pw": "hunter2"}, sealing_key=key)) for key in (b"1" * 32, b"2" * 32))
    assert fingerprint(one, "slow") == fingerprint(other, "slow") != fingerprint(one, "other")
    files = [save(of(one), made_at="", version="", request=Request(), inline="", shown="", key=key) for key in "ab"]
    digests = [{each.hosts[0].fingerprint, *each.hosts[0].steps.values()} for each in files]
    assert digests[0].isdisjoint(digests[1])


def test_the_order_of_a_list_and_the_type_of_a_value_matter() -> None:
    def with_body(body: dict[str, Any]) -> str:
        return fingerprint(replace(made(), steps=(replace(made().steps[2], operation=CreateContainer("web", body)),)))

    assert len({with_body({"Cmd": value}) for value in (["a", "b"], ["b", "a"], ["ab"], "ab", 1, "1", True, None)}) == 8


# Hosts that changed


def test_a_plan_that_comes_out_the_same_is_kept() -> None:
    found = of(made())
    assert refuse_stale(found, saved(found)) == found


def test_only_the_host_that_changed_is_refused() -> None:
    wish = SHOP.replace("64m", "65m")
    host = made(wish, applied(SHOP))
    then = of(host, replace(host, host="web2"))
    now = of(made(wish, changed(applied(SHOP), "web", values={"mem_limit": 1024**3})), replace(host, host="web2"))
    web1, web2 = refuse_stale(now, saved(then)).plays[0].hosts
    assert (web1.steps, web1.changes) == ((), ())
    assert [(str(found.address), found.summary, found.hint) for found in web1.refusals] == [
        ("web1/container.web", "changed since the plan was created: container.web", "create a new plan")
    ]
    assert web2 == now.plays[0].hosts[1]
    (diff,) = web1.refusals[0].diffs
    assert (diff.name, diff.old, diff.new) == (
        "container.web",
        "update, in place\nmem_limit: 64 MiB → 65 MiB",
        "update, in place\nmem_limit: 1 GiB → 65 MiB",
    )


def test_an_object_made_again_under_its_name_is_another() -> None:
    wish = SHOP.replace("64m", "65m")
    then = of(made(wish, applied(SHOP)))
    now = of(made(wish, changed(applied(SHOP), "web", id="another")))
    (found,) = refuse_stale(now, saved(then)).plays[0].hosts[0].refusals
    assert found.summary == "changed since the plan was created: the objects of the plan"


def test_a_host_that_was_not_in_the_plan_is_refused() -> None:
    web1, web2 = made(), replace(made(), host="web2")
    hosts = refuse_stale(of(web1, web2), saved(of(web1))).plays[0].hosts
    assert [[found.summary for found in host.refusals] for host in hosts] == [[], ["is not part of the plan"]]
    assert hosts[1].steps == ()


def test_a_host_is_known_by_its_play() -> None:
    host, none = made(), replace(made(), steps=(), changes=())
    then = Plan((of(host).plays[0], of(none).plays[0]))
    now = Plan((of(none).plays[0], of(host).plays[0]))
    stale = refuse_stale(now, saved(then))
    assert [len(found.refusals) for found in stale.hosts] == [1, 1]


def test_formats_are_named_in_one_place() -> None:
    assert json.loads(encode(saved(of(made()))))["format"] == planfile.FORMAT
