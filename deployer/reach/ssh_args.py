"""The options of ssh that `ansible_ssh_common_args` and similar variables may contain. Options for connection sharing,
convenience or logging are ignored. Unsupported options that would change the host, the user or the security are
errors."""

from __future__ import annotations

import shlex
from collections.abc import Iterator

from msgspec import Struct, field

UNDERSTOOD = frozenset(
    {
        "addressfamily", "connecttimeout", "globalknownhostsfile", "hostkeyalias", "hostname", "identitiesonly",
        "identityagent", "identityfile", "port", "proxycommand", "proxyjump", "stricthostkeychecking", "user",
        "userknownhostsfile",
    }
)  # fmt: skip

PASSED_OVER = frozenset(
    {
        "addkeystoagent", "batchmode", "challengeresponseauthentication", "checkhostip", "clearallforwardings",
        "compression", "compressionlevel", "connectionattempts", "controlmaster", "controlpath", "controlpersist",
        "escapechar", "exitonforwardfailure", "forwardagent", "forwardx11", "forwardx11trusted",
        "gssapiauthentication", "gssapidelegatecredentials", "gssapikeyexchange", "hashknownhosts",
        "hostbasedauthentication", "ipqos", "kbdinteractiveauthentication", "loglevel",
        "nohostauthenticationforlocalhost", "numberofpasswordprompts", "passwordauthentication",
        "permitlocalcommand", "preferredauthentications", "pubkeyauthentication", "requesttty", "sendenv",
        "serveralivecountmax", "serveraliveinterval", "setenv", "tcpkeepalive", "tunnel", "updatehostkeys",
        "visualhostkey",
    }
)  # fmt: skip

_IGNORED_FLAGS = frozenset("aACfgGkKMnNqsTtvVxXyY")
_IGNORED_WITH_VALUE = frozenset("eESO")
_AS_OPTION = {"J": "proxyjump", "i": "identityfile", "l": "user", "p": "port"}
_FAMILIES = {"4": "inet", "6": "inet6"}


class SshArguments(Struct):
    """Keyword (lower case) → values in order; `config_file` from `-F`; `errors` as text."""

    options: dict[str, list[str]] = field(default_factory=dict)
    config_file: str = ""
    errors: list[str] = field(default_factory=list)

    def first(self, keyword: str) -> str:
        return next(iter(self.options.get(keyword, ())), "")


def parse_ssh_args(text: str) -> SshArguments:
    """Never raises; errors are in `errors`."""
    parsed = SshArguments()
    try:
        words = iter(shlex.split(text))
    except ValueError as error:
        parsed.errors.append(f"cannot be read: {error}")
        return parsed
    for word in words:
        if word.startswith("-") and len(word) > 1:
            _flags(word[1:], words, parsed)
        else:
            parsed.errors.append(f"'{word}' is not an option of ssh")
    return parsed


def _flags(cluster: str, following: Iterator[str], parsed: SshArguments) -> None:
    """One word of flags, `-Cq4` or `-p2222`; the last may take its value from the next word."""
    for position, flag in enumerate(cluster):
        if flag in _IGNORED_FLAGS:
            continue
        if flag in _FAMILIES:
            _add(parsed, "addressfamily", _FAMILIES[flag])
            continue
        value = cluster[position + 1 :] or next(following, "")
        _flag_with_value(flag, value, parsed)
        return


def _flag_with_value(flag: str, value: str, parsed: SshArguments) -> None:
    if flag in _IGNORED_WITH_VALUE:
        return
    if not value:
        parsed.errors.append(f"-{flag} is not a known option or has no value")
    elif flag == "o":
        _option(value, parsed)
    elif flag == "F":
        parsed.config_file = value
    elif flag in _AS_OPTION:
        _add(parsed, _AS_OPTION[flag], value)
    else:
        parsed.errors.append(f"-{flag} is not supported")


def _option(text: str, parsed: SshArguments) -> None:
    """`Key=Value` or `Key Value`."""
    end = next((index for index, char in enumerate(text) if char in " \t="), len(text))
    keyword, value = text[:end], text[end:].strip().removeprefix("=").strip()
    if keyword.lower() in PASSED_OVER:
        return
    if keyword.lower() not in UNDERSTOOD:
        parsed.errors.append(f"option {keyword} is not supported")
    elif not value:
        parsed.errors.append(f"option {keyword} has no value")
    else:
        _add(parsed, keyword.lower(), value.strip('"'))


def _add(parsed: SshArguments, keyword: str, value: str) -> None:
    parsed.options.setdefault(keyword, []).append(value)
