"""`deployer schema`."""

import json

import jsonschema
import pytest
import yaml

from tests.cli.runs import Shop


@pytest.mark.parametrize(
    ("words", "file"), [((), "shop.yml"), (("playbook",), "shop.yml"), (("inventory",), "hosts.yml")]
)
def test_the_schema_accepts_valid_playbooks(shop: Shop, words: tuple[str, ...], file: str) -> None:
    found = shop.run("schema", *words)
    assert found.code == 0
    validator = jsonschema.Draft202012Validator(json.loads(found.out))
    assert not list(validator.iter_errors(yaml.safe_load((shop.folder / file).read_text())))


def test_it_finds_a_typo(shop: Shop) -> None:
    shop.edit("ports:", "prots:")
    validator = jsonschema.Draft202012Validator(json.loads(shop.run("schema").out))
    assert list(validator.iter_errors(yaml.safe_load((shop.folder / "shop.yml").read_text())))
