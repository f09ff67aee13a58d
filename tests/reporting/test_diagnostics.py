"""Errors with the lines they are on."""

from pathlib import Path

import pytest

from deployer.diagnostics import Diagnostic, Origin, Severity
from deployer.reporting.diagnostics import diagnostic_lines
from deployer.reporting.lines import render

PLAYBOOK = """\
- name: Web
  hosts: web
  containers:
\tweb: {imge: nginx}
    db: {environment: {DB_PASSWORD: hunter22}}
"""


@pytest.fixture
def playbook(tmp_path: Path) -> str:
    path = tmp_path / "shop.yml"
    path.write_text(PLAYBOOK)
    return str(path)


def shown(*found: Diagnostic) -> str:
    return render(diagnostic_lines(found), colour=False)


def test_place_address_error_and_hint_then_the_line_with_a_caret(playbook: str) -> None:
    found = Diagnostic(Origin(playbook, 4, 8), "unknown key 'imge'", "containers.web", "did you mean 'image'?")
    assert shown(found) == (
        f"{playbook}:4:8: containers.web: unknown key 'imge'; did you mean 'image'?\n"
        "  4 | \\tweb: {imge: nginx}\n"
        "    |         ^\n"
        "1 error\n"
    )


def test_every_error_is_counted(playbook: str) -> None:
    found = Diagnostic(Origin(playbook, 2, 3), "no such group")
    warning = Diagnostic(Origin("-e"), "odd", severity=Severity.WARNING)
    assert shown(found, warning, found).splitlines()[3:] == [
        "-e: warning: odd",
        f"{playbook}:2:3: no such group",
        "  2 |   hosts: web",
        "    |   ^",
        "2 errors",
    ]


def test_a_line_that_names_something_sensitive_is_not_shown(playbook: str) -> None:
    assert "hunter22" not in shown(Diagnostic(Origin(playbook, 5, 10), "wrong"))


def test_lines_of_encrypted_files_are_not_shown(tmp_path: Path) -> None:
    path = tmp_path / "secrets.yml"
    path.write_text("$ANSIBLE_VAULT;1.1;AES256\n3330\n")
    assert shown(Diagnostic(Origin(str(path), 2, 1), "wrong")) == f"{path}:2:1: wrong\n1 error\n"


@pytest.mark.parametrize("line", [0, 99])
def test_places_without_a_line_have_no_excerpt(playbook: str, line: int) -> None:
    assert len(shown(Diagnostic(Origin(playbook, line, 1), "wrong")).splitlines()) == 2


def test_sources_that_are_no_files_have_no_excerpt(tmp_path: Path) -> None:
    assert len(shown(Diagnostic(Origin(str(tmp_path), 1, 1), "wrong")).splitlines()) == 2
