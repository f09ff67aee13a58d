"""Which word was probably meant."""

import pytest

from deployer.diagnostics import closest, did_you_mean

KNOWN = (
    "wordpress_port",
    "tags",
    "image",
    "max_fail_percentage",
    "environment",
    "redis_host",
    "log_driver",
    "depends_on",
)


@pytest.mark.parametrize(
    ("word", "meant"),
    [
        ("wordpress_prot", "wordpress_port"),
        ("wordpress_db_password", ""),
        ("tasks", ""),
        ("tag", "tags"),
        ("Image", "image"),
        ("imgae", "image"),
        ("max_fail_percent", "max_fail_percentage"),
        ("max-fail-percentage", "max_fail_percentage"),
        ("enviroment", "environment"),
        ("redis_port", ""),
        ("volume_driver", ""),
        ("dependson", "depends_on"),
        ("x", ""),
        ("", ""),
    ],
)
def test_only_a_slip_of_typing_is_corrected(word: str, meant: str) -> None:
    assert closest(word, KNOWN) == meant
    assert did_you_mean(word, KNOWN) == (f"did you mean '{meant}'?" if meant else "")
