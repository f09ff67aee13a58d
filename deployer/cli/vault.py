"""`deployer vault`: files and values in Ansible's vault format."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, Final

import click

from deployer.cli import options
from deployer.cli.command import CONTEXT, Call, Command, Group, Suggestion
from deployer.errors import DeployerError

if TYPE_CHECKING:
    from deployer.config.vault import VaultSecret
    from deployer.usecases.load import Asking
    from deployer.usecases.vault_files import Passwords

ENCRYPT_EXAMPLES: Final = "deployer vault encrypt group_vars/all/secrets.yml --vault-password-file .vault-password\n"
DECRYPT_EXAMPLES: Final = "deployer vault decrypt secrets.yml --output -\n"
VIEW_EXAMPLES: Final = "deployer vault view group_vars/all/secrets.yml --vault-password-file .vault-password\n"
EDIT_EXAMPLES: Final = "deployer vault edit group_vars/all/secrets.yml --vault-password-file .vault-password\n"
REKEY_EXAMPLES: Final = "deployer vault rekey group_vars/*/secrets.yml --vault-id old.txt --new-vault-id new.txt\n"
STRING_EXAMPLES: Final = """\
deployer vault encrypt-string --name db_password --prompt
pwgen -s 32 1 | deployer vault encrypt-string --stdin-name db_password >> group_vars/db.yml
"""
_NEW: Final = "New vault password"


def _asking(call: Call) -> Asking:
    from deployer.usecases.system import this_system

    return this_system(call.console.learn).asking


def _passwords(params: Any, prefix: str = "") -> Passwords:
    from deployer.usecases.vault_files import Passwords

    files = params[f"{prefix}vault_password_file"]
    return Passwords(params[f"{prefix}vault_id"], files, not prefix and params["ask_vault_pass"])


def _new(call: Call) -> VaultSecret:
    """The password to encrypt with."""
    from deployer.usecases.vault_files import encrypting

    secrets = _passwords(call.params).load(_asking(call), new=_NEW)
    return encrypting(secrets, call.params["encrypt_vault_id"])


def _files(call: Call) -> tuple[str, ...]:
    """Standard input without any. Raises `UsageError` for one output of several files."""
    from deployer.usecases.vault_files import STANDARD

    files = call.params["files"] or (STANDARD,)
    if len(files) > 1 and call.params["output"]:
        raise click.UsageError("--output takes the content of one file")
    return tuple(files)


def _encrypt(call: Call) -> int:
    from deployer.usecases.vault_files import encrypt, write

    files, output = _files(call), call.params["output"]
    write(encrypt(files, _new(call)), output)
    return _told(call, "Encrypted", files, output)


def _decrypt(call: Call) -> int:
    from deployer.usecases.vault_files import decrypt, write

    files, output = _files(call), call.params["output"]
    write(decrypt(files, _passwords(call.params).load(_asking(call))), output)
    return _told(call, "Decrypted", files, output)


def _view(call: Call) -> int:
    from deployer.usecases.vault_files import decrypt

    for found in decrypt(call.params["files"], _passwords(call.params).load(_asking(call))):
        try:
            call.console.text(found.content.decode("utf-8"), with_secrets=True)
        except UnicodeDecodeError:
            hint = f"write it to a file: deployer vault decrypt {found.file} --output FILE"
            raise DeployerError(f"{found.file} does not contain text", hint=hint) from None
    return 0


def _edit(call: Call) -> int:
    from deployer.usecases.vault_files import edit, run_editor, write

    file = call.params["file"]
    params = call.params
    secrets = _passwords(params).load(_asking(call))
    changed = edit(file, secrets, run_editor, params["encrypt_vault_id"])
    if changed is None:
        return _said(call, f"{file} is unchanged.")
    write([changed])
    return _said(call, f"Encrypted {file}.")


def _rekey(call: Call) -> int:
    from deployer.usecases.vault_files import encrypting, rekey, write

    params = call.params
    old = _passwords(params).load(_asking(call))
    new = encrypting(_passwords(params, "new_").load(_asking(call), new=_NEW), params["encrypt_vault_id"])
    write(rekey(params["files"], old, new))
    return _told(call, "Encrypted with the new password", params["files"], "")


def _string(call: Call) -> int:
    from itertools import zip_longest

    from deployer.usecases.vault_files import yaml_value

    params = call.params
    from_input = bool(params["stdin_name"]) or not (params["strings"] or params["ask"])
    if len(params["name"]) > len(params["strings"]) + params["ask"] + from_input:
        raise click.UsageError("there are more names than values")
    values = list(params["strings"])
    if params["ask"]:
        values.append(_asking(call).prompt("Value to encrypt"))
    secret = _new(call)
    names = [*params["name"], *[""] * (len(values) - len(params["name"]))]
    if from_input:
        values.append(_input())
        names[len(values) - 1 :] = [params["stdin_name"] or "".join(names[len(values) - 1 :])]
    for name, value in zip_longest(names, values, fillvalue=""):
        call.console.text(yaml_value(value, name, secret))
    return 0


def _input() -> str:
    text = sys.stdin.read()
    if not text:
        raise click.UsageError("standard input is empty")
    return text


def _told(call: Call, done: str, files: Sequence[str], output: str) -> int:
    from deployer.usecases.vault_files import STANDARD

    if STANDARD in (*files, output):
        return 0
    return _said(call, f"{done}: {', '.join(files)}{f' to {output}' if output else ''}.")


def _said(call: Call, text: str) -> int:
    from deployer.reporting.lines import line

    call.console.tell([line(text)])
    return 0


def _argument(*, required: bool = True) -> click.Parameter:
    return click.Argument(["files"], nargs=-1, required=required, metavar="FILE..." if required else "[FILE]...")


def _output() -> click.Parameter:
    return options.Option(
        ["--output"],
        default="",
        metavar="FILE",
        allow_from_autoenv=False,
        help="Write here instead of into the file itself; - is standard output.",
    )


def _label() -> click.Parameter:
    return options.Option(
        ["--encrypt-vault-id"],
        section="Vault",
        default="",
        metavar="LABEL",
        help="Which of several vault passwords to encrypt with.",
    )


def _new_passwords() -> list[click.Parameter]:
    return [
        options.Option(
            ["--new-vault-id"],
            section="Vault",
            multiple=True,
            metavar="LABEL@SOURCE",
            help="The new password; the source is a file, a program or 'prompt'.",
        ),
        options.Option(
            ["--new-vault-password-file"],
            section="Vault",
            multiple=True,
            metavar="FILE",
            help="File or program that provides the new password.",
        ),
    ]


def _params(*own: click.Parameter) -> list[click.Parameter]:
    return [*own, *options.vault(), *options.global_options()]


COMMAND: Final = Group(
    name="vault",
    help="Encrypt, decrypt, view and edit files and values in Ansible's vault format.",
    examples=ENCRYPT_EXAMPLES + EDIT_EXAMPLES + STRING_EXAMPLES,
    context_settings=dict(CONTEXT),
    commands=[
        Command(
            "encrypt",
            run=_encrypt,
            examples=ENCRYPT_EXAMPLES,
            help="Encrypt files, or standard input. Without an option for it, the password is asked for.",
            params=_params(_argument(required=False), _output(), _label()),
            suggestion=Suggestion("encrypts files"),
        ),
        Command(
            "decrypt",
            run=_decrypt,
            examples=DECRYPT_EXAMPLES,
            help="Decrypt files, or standard input. The plain text replaces the file, unless --output is given.",
            params=_params(_argument(required=False), _output()),
            suggestion=Suggestion("decrypts files"),
        ),
        Command(
            "view",
            run=_view,
            examples=VIEW_EXAMPLES,
            help="Print the plain text of encrypted files.",
            params=_params(_argument()),
            suggestion=Suggestion("prints an encrypted file"),
        ),
        Command(
            "edit",
            run=_edit,
            examples=EDIT_EXAMPLES,
            help="Edit an encrypted file in $VISUAL, $EDITOR or vi; a missing file is created.",
            params=_params(click.Argument(["file"], nargs=1, metavar="FILE"), _label()),
            suggestion=Suggestion("edits or creates an encrypted file", ("create",)),
        ),
        Command(
            "rekey",
            run=_rekey,
            examples=REKEY_EXAMPLES,
            help="Encrypt files with another password.",
            params=_params(_argument(), *_new_passwords(), _label()),
            suggestion=Suggestion("encrypts files with another password", ("rotate",)),
        ),
        Command(
            "encrypt-string",
            run=_string,
            examples=STRING_EXAMPLES,
            help="Print a value as YAML with !vault: an argument, what is typed after --prompt, or standard input.",
            params=_params(
                click.Argument(["strings"], nargs=-1, metavar="[TEXT]..."),
                options.Option(
                    ["-n", "--name"],
                    multiple=True,
                    metavar="NAME",
                    allow_from_autoenv=False,
                    help="Variable of the value, in the order of the values. Repeatable.",
                ),
                options.Option(
                    ["--stdin-name"],
                    default="",
                    metavar="NAME",
                    allow_from_autoenv=False,
                    help="Variable of the value that standard input has.",
                ),
                options.Option(
                    ["-p", "--prompt", "ask"],
                    is_flag=True,
                    allow_from_autoenv=False,
                    help="Ask for the value, without echo.",
                ),
                _label(),
            ),
            suggestion=Suggestion("prints an encrypted value", ("encrypt_string",)),
        ),
    ],
)
