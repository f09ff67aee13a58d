"""Image references: which texts mean the same image."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from deployer.values import image

DIGEST = "sha256:" + "ab" * 32
HEX = "cd" * 32


@pytest.mark.parametrize(
    ("written", "complete", "familiar"),
    [
        ("redis", "docker.io/library/redis:latest", "redis:latest"),
        ("docker.io/library/redis:latest", "docker.io/library/redis:latest", "redis:latest"),
        ("index.docker.io/library/redis", "docker.io/library/redis:latest", "redis:latest"),
        ("index.docker.io/redis", "docker.io/library/redis:latest", "redis:latest"),
        ("library/redis", "docker.io/library/redis:latest", "redis:latest"),
        ("docker.io/redis", "docker.io/library/redis:latest", "redis:latest"),
        (" redis:7 ", "docker.io/library/redis:7", "redis:7"),
        ("shop/web:1.4", "docker.io/shop/web:1.4", "shop/web:1.4"),
        ("registry-1.docker.io/a", "registry-1.docker.io/a:latest", "registry-1.docker.io/a:latest"),
        ("localhost/app", "localhost/app:latest", "localhost/app:latest"),
        ("localhost:5000/app:1", "localhost:5000/app:1", "localhost:5000/app:1"),
        ("registry.example.com:5000/a/b/c:T", "registry.example.com:5000/a/b/c:T", "registry.example.com:5000/a/b/c:T"),
        ("[::1]:5000/app", "[::1]:5000/app:latest", "[::1]:5000/app:latest"),
        ("Host/app", "Host/app:latest", "Host/app:latest"),
        (f"redis@{DIGEST}", f"docker.io/library/redis@{DIGEST}", f"redis@{DIGEST}"),
        (f"redis:7@{DIGEST}", f"docker.io/library/redis:7@{DIGEST}", f"redis:7@{DIGEST}"),
        (DIGEST, DIGEST, DIGEST[:19]),
        (HEX, f"sha256:{HEX}", f"sha256:{HEX}"[:19]),
        ("docker.io/foo.bar/web", "docker.io/foo.bar/web:latest", "docker.io/foo.bar/web:latest"),
        ("docker.io/library/a/b", "docker.io/library/a/b:latest", "docker.io/library/a/b:latest"),
    ],
)
def test_references_are_completed_and_shortened(written: str, complete: str, familiar: str) -> None:
    assert str(image.parse(written)) == complete
    assert image.parse(written).familiar == familiar


@pytest.mark.parametrize(
    ("written", "message"),
    [
        ("Redis", "'Redis' is not an image reference: repository names are lower case"),
        ("shop/Web:1", "'shop/Web:1' is not an image reference: repository names are lower case"),
        ("", "'' is not an image reference"),
        ("re dis", "'re dis' is not an image reference"),
        ("redis:", "'redis:': '' is not a tag"),
        ("redis:-1", "'redis:-1': '-1' is not a tag"),
        ("redis:a b", "'redis:a b': 'a b' is not a tag"),
        ("redis@sha256:12", "'redis@sha256:12': 'sha256:12' is not a digest such as sha256:…"),
        ("redis@", "'redis@': '' is not a digest such as sha256:…"),
        ("https://example.com/app", "'https://example.com/app' is not an image reference"),
        ("app/", "'app/' is not an image reference"),
        ("a__b..c", "'a__b..c' is not an image reference"),
    ],
)
def test_an_invalid_reference_is_refused(written: str, message: str) -> None:
    with pytest.raises(ValueError) as error:
        image.parse(written)
    assert str(error.value) == message


def test_an_invalid_reference_of_an_old_engine_is_kept() -> None:
    assert image.canonical("<none>") == "<none>"
    assert image.canonical("redis") == "docker.io/library/redis:latest"


_WORD = st.from_regex(r"[a-z0-9]{1,6}(?:[._-][a-z0-9]{1,4})?", fullmatch=True)
_DOMAIN = st.sampled_from(["", "docker.io/", "localhost/", "r.example.com/", "h:5000/", "index.docker.io/"])
_SUFFIX = st.sampled_from(["", ":1", ":v1.2-rc_3", f"@{DIGEST}", f":1@{DIGEST}"])


@given(_DOMAIN, st.lists(_WORD, min_size=1, max_size=3), _SUFFIX)
def test_complete_and_familiar_forms_read_back(domain: str, words: list[str], suffix: str) -> None:
    reference = image.parse(domain + "/".join(words) + suffix)
    assert image.parse(str(reference)) == reference
    assert image.parse(reference.familiar) == reference
