"""Options of log drivers by what a driver reads in them."""

from __future__ import annotations

import pytest

from deployer.values import log_option

SAME = [
    ("json-file", "max-size", ("10m", "10M", "10mb", "10MB", "10 M", "10MiB", "10.0m", "10000k", "10000000", "0.01g")),
    ("local", "max-size", ("20m", "20000000b")),
    ("json-file", "max-file", ("3", "03", "+3")),
    ("json-file", "compress", ("true", "True", "1", "t")),
    ("json-file", "labels", ("a,b", "b,a", "a,b,a")),
    ("journald", "env", ("A,B", "B,A")),
    ("syslog", "max-buffer-size", ("4m", "4MiB", "4194304")),
    ("splunk", "cache-max-size", ("20m", "20000k")),
    ("syslog", "syslog-facility", ("daemon", "3")),
    ("syslog", "syslog-facility", ("local7", "23")),
    ("gelf", "gelf-tcp-reconnect-delay", ("1", "01")),
    ("fluentd", "fluentd-retry-wait", ("1m30s", "90s", "1.5m", "90000ms")),
    ("fluentd", "fluentd-retry-wait", ("0", "0s")),
    ("fluentd", "fluentd-buffer-limit", ("1m", "1024k")),
    ("awslogs", "awslogs-create-group", ("false", "F", "0")),
]

OTHER = [
    ("json-file", "max-size", "10m", "10485760"),
    ("json-file", "max-size", "10m", "20m"),
    ("json-file", "max-file", "3", "30"),
    ("json-file", "compress", "true", "false"),
    ("json-file", "labels", "a,b", "a"),
    ("json-file", "labels", "a,b", "a, b"),
    ("json-file", "tag", "A", "a"),
    ("json-file", "max-size", "10m", "odd"),
    ("json-file", "max-size", "ODD", "odd"),
    ("syslog", "max-buffer-size", "4m", "4000000"),
    ("fluentd", "fluentd-retry-wait", "1s", "1"),
    ("fluentd", "fluentd-retry-wait", "24h", "1d"),
    ("a-plugin", "max-size", "10m", "10M"),
]


@pytest.mark.parametrize(("driver", "option", "texts"), SAME)
def test_spellings_in_which_the_driver_reads_the_same(driver: str, option: str, texts: tuple[str, ...]) -> None:
    assert [text for text in texts if not log_option.same(driver, option, texts[0], text)] == []


@pytest.mark.parametrize(("driver", "option", "one", "other"), OTHER)
def test_texts_in_which_the_driver_reads_something_else(driver: str, option: str, one: str, other: str) -> None:
    assert not log_option.same(driver, option, one, other)
