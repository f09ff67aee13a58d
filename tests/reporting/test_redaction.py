"""Secrets on their way out."""

import base64
import json
import re
from urllib.parse import quote

import pytest
from hypothesis import given
from hypothesis import strategies as st

from deployer.reporting.redaction import Redactor

SECRET = 'p"ss wörd/\\1'


@pytest.mark.parametrize(
    "text",
    [
        SECRET,
        f"error: login {SECRET} refused",
        json.dumps({"password": SECRET}),
        json.dumps({"password": SECRET}, ensure_ascii=False),
        repr({"password": SECRET}),
        f"https://u:{quote(SECRET, safe='')}@host/",
        base64.b64encode(SECRET.encode()).decode(),
        base64.b64encode(f"u:{SECRET}:".encode()).decode(),
        base64.b64encode(f"me:{SECRET}".encode()).decode(),
        base64.urlsafe_b64encode(f"you:{SECRET}".encode()).decode(),
        f"https://u:{quote(SECRET)}@host/",
        f"https://u:{re.sub('%..', lambda found: found[0].lower(), quote(SECRET, safe=''))}@host/",
    ],
)
def test_a_secret_is_found_in_whatever_form_it_has(text: str) -> None:
    masked = Redactor([SECRET]).text(text)
    assert "***" in masked
    assert "ss" not in masked.replace("password", "")


def test_every_line_of_a_secret_of_several_lines_is_one() -> None:
    key = "-----BEGIN KEY-----\nabcdef\n-----END KEY-----\n"
    assert Redactor([key]).text("said: abcdef") == "said: ***"


def test_a_longer_secret_goes_before_one_it_contains() -> None:
    assert Redactor(["hunter", "hunter22"]).text("hunter22 hunter") == "*** ***"


def test_short_secrets_do_not_tear_texts_apart() -> None:
    redactor = Redactor(["a", "12"])
    assert redactor.text("a banana, 12") == "a banana, 12"
    assert redactor.text("12") == "***"


def test_secrets_learned_later_count_from_then_on() -> None:
    redactor = Redactor()
    assert redactor.text("hunter22") == "hunter22"
    redactor.learn({"hunter22", ""})
    assert redactor.text("hunter22") == "***"


def test_a_document_keeps_its_structure() -> None:
    redactor = Redactor(["host", "1234"])
    document = {"host": "the host", "count": 1234, "list": ["1234", None, True]}
    assert redactor.document(document) == {"host": "the ***", "count": 1234, "list": ["***", None, True]}


@given(st.text(min_size=4), st.text(), st.text())
def test_no_text_shows_a_secret(secret: str, before: str, after: str) -> None:
    masked = Redactor([secret]).text(before + secret + after)
    assert secret not in masked or secret.strip("*") == ""
