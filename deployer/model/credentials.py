"""Recognises credentials by their names and their form: passwords in URLs, `--password …`, tokens, private keys."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from itertools import pairwise
from typing import Any, Final

_WORDS: Final = (
    "password", "passwd", "passphrase", "passcode", "secret", "token", "credential", "requirepass", "masterauth",
)  # fmt: skip
_ALONE: Final = frozenset({"key", "pin", "pgpass"})
"""Whole names of variables that hold a secret; as a word of a text they mean anything."""
_LAST: Final = frozenset({"pass", "auth", "cred", "creds", "salt", "pepper", "psk", "mnemonic"})
_LAST_OF_SEVERAL: Final = frozenset({"pwd", "pw", "key"})
_KEY: Final = (
    r"(?:api|app|auth|master|private|access|encryption|account|signing|session|storage|shared|license)[_.-]?key"
    r"|(?:ssh|jwt|hmac)key$"
)
_OPEN_KEY: Final = r"(?:public|pub|primary|foreign|sort|partition|cache|routing|group|hash|host|object)[_.-]?key$"

# Patterns are texts: most runs need none, and compiling them takes longer than all else that is done with them. Their
# repetitions are bounded, so that the time for a text grows with its length only.
_IN_URL: Final = (
    r"(?i)[a-z]://[^/\s:@]{0,200}:([^\s/@]{1,200}(?:@[^\s/@]{1,200}){0,3}|(?!\d{1,9}(?:[/?#]|$))[^\s@]{1,200})@"
    r"|://([^/\s:@]{16,200})@|https?://(?=[^/\s@]{0,15}\d)(?=[^/\s@]{0,15}[a-z])([^/\s:@]{6,15})@"
)
_IN_DSN: Final = r"(?:^|[\s=])[\w.-]{1,200}:([^\s:/@]{1,200})@(?!sha\d)[\w.-]{1,200}(?:[:(/]|$)"
_ASSIGNED: Final = r"(?<![\w.-])([\w.-]{1,200})[\"']?=(?![\s,;&]|$)"
_ENTRY: Final = (
    r"(?m)(?:^|[\"'\s])([\w.-]{1,200}):[ \t]{1,9}[^\s{\[]"
    r"|[\"']([\w.-]{1,200})[\"']\s{0,9}:\s{0,9}[\"']?[^\s\"'{\[]"
)
_OPTION: Final = r"(?:^|\s)--?([\w.-]{1,200})\s{1,9}[^\s-]"
_LOGIN: Final = (
    r"(?:^|\s)(?:-u|--user|--proxy-user|--auth)[\s=]{0,9}(?!\d{1,9}:)[^\s:=]{1,99}:\S"
    r"|\b(?:mysql|mariadb)(?:-?dump|-?admin)?\b.{0,300}?\s-p\S|\bsshpass\s+-p|\bredis-cli\b.{0,300}?\s-a\s"
    r"|\b(?i:bearer|basic)\s+[\w.~+/=-]{8,}"
)
_FORMS: Final = (
    r"PRIVATE KEY-----|\bgh[opsur]_\w{16,}|\bgithub_pat_\w{16,}|\bglpat-[\w-]{16,}|\bdckr_pat_|\bxox[abeprs]-[\w-]{8,}"
    r"|\b(?:AKIA|ASIA)[0-9A-Z]{16}\b|\bAIza[\w-]{30,}|\b[rs]k_(?:live|test)_\w{8,}|\bsk-[\w-]{20,}|\bhvs\.\w{16,}"
    r"|\bSG\.[\w-]{16,}\.|\bnpm_\w{30,}|\beyJ[\w-]{8,}\.eyJ[\w-]{8,}\.|hooks\.slack\.com/services/\w"
    r"|\$(?:apr1|2[abxy]|[156]|y|argon2\w*)\$[\w./]"
)
_LOGIN_OPTIONS: Final = ("-u", "--user", "--proxy-user", "--auth")
_ATTACHED: Final = frozenset(
    f"{program}{part}" for program in ("mysql", "mariadb", "mariadb-") for part in ("", "dump", "admin")
) | {"sshpass"}
"""Programs that take a password as `-pPASSWORD`."""
_SEPARATE: Final = (("sshpass", "-p"), ("redis-cli", "-a"))
_SWITCH: Final = frozenset({"", "true", "false", "yes", "no", "on", "off", "0", "1"})
_FILE: Final = ("_file", "-file", ".file", "_path", "-path", ".path", "_dir", "-dir", ".dir")
_PLACE: Final = r"/[\w.@/-]*"
_ADDRESS: Final = r"\d+(?:\.\d+){3}(?::\d+)?"
_SHORT_NAMES: Final = ("pass", "pw", "pwd")
_SHORTEST: Final = 6
"""Characters of a credential that is looked for in other texts: shorter ones, and mere words, are found where they mean
nothing."""


def is_sensitive_name(name: str) -> bool:
    """Whether a variable of this name usually contains a secret: its live value is never shown."""
    return name.lower() in _ALONE or _is_telling_name(name)


def _is_telling_name(name: str) -> bool:
    low = name.lower()
    if any(word in low for word in _WORDS):
        return True
    parts = low.replace("-", "_").replace(".", "_").split("_")
    if "pass" in parts or parts[-1] in _LAST or (len(parts) > 1 and parts[-1] in _LAST_OF_SEVERAL):
        return "key" not in parts[-1] or not re.search(_OPEN_KEY, low)
    return "key" in low and bool(re.search(_KEY, low))


def holds_credentials(text: str) -> bool:
    """Whether a text looks like it contains a secret: a password in a URL, `password=…`, `--password …`, a token, a
    private key."""
    if "=" in text and any(map(_is_option, re.findall(_ASSIGNED, text))):
        return True
    if "-" in text and any(map(_is_option, re.findall(_OPTION, text))):
        return True
    if "@" in text and (re.search(_IN_URL, text) or re.search(_IN_DSN, text)):
        return True
    if ":" in text and any(_is_telling_name(name) for pair in re.findall(_ENTRY, text) for name in pair):
        return True
    return bool(re.search(_FORMS, text) or re.search(_LOGIN, text))


def _is_option(name: str) -> bool:
    """`--password-file` takes the path of a file."""
    return (_is_telling_name(name) and not name.lower().endswith(_FILE)) or name.lower() in _SHORT_NAMES


def is_credential(value: Any, name: str = "") -> bool:
    """Whether a canonical value is or contains a credential. `name`: of the variable, label or option it belongs to."""
    match value:
        case str():
            return is_named_credential(name, value) or holds_credentials(value)
        case Mapping():
            return any(is_credential(part, str(key)) for key, part in value.items())
        case list() | tuple():
            return bool(credential_items(value)) or any(map(is_credential, value))
        case _:
            return False


def is_named_credential(name: str, value: str) -> bool:
    """`DB_PASSWORD_FILE: /run/secrets/db` is the path of a secret, not a secret, and a switch is none."""
    return is_sensitive_name(name) and value.lower() not in _SWITCH and not _is_place(name, value)


def _is_place(name: str, value: str) -> bool:
    low = name.lower()
    named = low.endswith(_FILE) or (low.endswith("key") and "." in value)
    return bool(named and re.fullmatch(_PLACE, value)) or bool(re.fullmatch(_ADDRESS, value))


def credential_items(words: Sequence[Any]) -> frozenset[int]:
    """The places of the words in a command that are credentials for what is before them: the one after `--password`,
    `user:password` after `-u`, and what follows the password options of some programs."""
    texts = [word if isinstance(word, str) else "" for word in words]
    called = frozenset(text.rpartition("/")[2] for text in texts)
    found = {place for place, pair in enumerate(pairwise(texts), start=1) if _is_option_value(*pair, called)}
    attached = [] if called.isdisjoint(_ATTACHED) else [n for n, text in enumerate(texts) if re.match(r"-p.", text)]
    return frozenset((*found, *attached))


def _is_option_value(before: str, word: str, called: frozenset[str]) -> bool:
    if not before.startswith("-") or word[:1] in ("", "-"):
        return False
    if before in _LOGIN_OPTIONS:
        return bool(re.match(r"[^\s:]*[A-Za-z][^\s:]*:.", word))
    return _is_option(before.lstrip("-")) or any(before == option and name in called for name, option in _SEPARATE)


def credentials_in(value: Any, name: str = "") -> Iterator[str]:
    """The credentials themselves that a canonical value contains, where they are long enough to be recognised in other
    texts."""
    match value:
        case str():
            yield from filter(is_telling, _credentials_in_text(value, name))
        case Mapping():
            for key, part in value.items():
                yield from credentials_in(part, str(key))
        case list() | tuple():
            yield from filter(is_telling, (value[place] for place in credential_items(value)))
            for part in value:
                yield from credentials_in(part)


def _credentials_in_text(text: str, name: str) -> Iterator[str]:
    if is_named_credential(name, text) and not text.startswith(("http://", "https://")):
        yield text
    if "@" in text:
        yield from (part for found in re.findall(_IN_URL, text) for part in found)
        yield from re.findall(_IN_DSN, text)
    for found in re.finditer(_ASSIGNED, text) if "=" in text else ():
        if _is_option(found[1]):
            yield re.split(r"[\s,;&\"']", text[found.end() :], maxsplit=1)[0]


def is_telling(text: str) -> bool:
    """Whether a credential is recognised by itself in other texts."""
    return len(text) >= _SHORTEST and not text.isalpha()
