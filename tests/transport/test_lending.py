"""The agent that lends another host a single login."""

from __future__ import annotations

import paramiko
import pytest

from deployer.interfaces import Login
from deployer.transport.lending import LoginAgent

USER, SERVER, OTHER = (paramiko.ECDSAKey.generate() for _ in range(3))
SESSION = b"session" * 4
FAILURE, SUCCESS = b"\x05", b"\x06"


def message(*parts: bytes | str | int | bool) -> bytes:
    """The first part is a byte; texts are strings of the protocol."""
    found = paramiko.Message()
    for number, part in enumerate(parts):
        match part:
            case bool():
                found.add_boolean(part)
            case int():
                found.add_byte(bytes((part,))) if number == 0 else found.add_int(part)
            case _:
                found.add_string(part)
    return found.asbytes()


def agent(user: str = "root") -> LoginAgent:
    def proves(data: bytes, proof: bytes) -> bool:
        return bool(SERVER.verify_ssh_sig(data, paramiko.Message(proof)))

    def sign(data: bytes, algorithm: str) -> bytes:
        return USER.sign_ssh_data(data, algorithm or None).asbytes()

    return LoginAgent(
        Login(user, "web2", 22, "docker", SERVER.get_name(), SERVER.asbytes(), proves, USER.asbytes(), sign)
    )


def bind(key: paramiko.PKey = SERVER, by: paramiko.PKey = SERVER, *, forwarding: bool = False) -> bytes:
    proof = by.sign_ssh_data(SESSION).asbytes()
    return message(27, "session-bind@openssh.com", key.asbytes(), SESSION, proof, forwarding)


def ask(session: bytes = SESSION, user: str = "root", service: str = "ssh-connection") -> bytes:
    data = paramiko.Message()
    data.add_string(session)
    data.add_byte(bytes((50,)))
    for text in (user, service, "publickey"):
        data.add_string(text)
    data.add_boolean(True)
    return message(13, USER.asbytes(), data.asbytes(), 0)


def test_it_signs_once_for_the_host_that_has_proved_itself() -> None:
    lent = agent()
    assert lent.answer(bind()) == SUCCESS
    answer = paramiko.Message(lent.answer(ask()))
    assert answer.get_byte() == b"\x0e"
    signature = paramiko.Message(answer.get_binary())
    assert USER.verify_ssh_sig(_data(ask()), signature)
    assert lent.answer(ask()) == FAILURE


def _data(request: bytes) -> bytes:
    found = paramiko.Message(request[1:])
    found.get_binary()
    return found.get_binary()


@pytest.mark.parametrize(
    "binding", (b"", bind(OTHER, OTHER), bind(by=OTHER), bind(forwarding=True)), ids=("none", "key", "proof", "way")
)
def test_it_signs_for_no_other_host(binding: bytes) -> None:
    lent = agent()
    assert lent.answer(binding) == FAILURE
    assert lent.answer(ask()) == FAILURE


@pytest.mark.parametrize("request_", (ask(b"another"), ask(user="admin"), ask(service="other")))
def test_it_signs_nothing_but_the_login(request_: bytes) -> None:
    lent = agent()
    assert lent.answer(bind()) == SUCCESS
    assert lent.answer(request_) == FAILURE


def test_it_lists_one_key_and_knows_nothing_else() -> None:
    found = paramiko.Message(agent().answer(b"\x0b"))
    assert (found.get_byte(), found.get_int(), found.get_binary()) == (b"\x0c", 1, USER.asbytes())
    assert agent().answer(b"\x11") == FAILURE
