"""Files through the shell of a host: a script looks at all, and a script puts one in place.

What a file replaces stays beside it as `.NAME.deployer-old` until the run is over, and the new one is written as
`.NAME.deployer-new`: both names tell what an interrupted run left.
"""

from __future__ import annotations

import posixpath
import re
import shlex
import stat
from collections.abc import Iterator, Mapping, Sequence
from typing import ClassVar, Final

from msgspec.structs import replace

from deployer.errors import FileError
from deployer.fields.container.files import LONGEST, text_of
from deployer.interfaces import Body, CommandResult, FileKind, Shell
from deployer.model.files import LINK, ObservedFile
from deployer.model.operations import FinishFile, MakeDirectory, MakeLink, PutFile, RemoveFile, RestoreFile, SetFile
from deployer.transport.local_files import file_kind

_END: Final = "[end]"
_ESCAPED: Final = re.compile(r"\\(.)")
_AT_ONCE: Final = 60_000
"""Characters of the paths that one script looks at; Linux takes 128 KiB of one argument."""

_LOOK: Final = """export LC_ALL=C
stat -c 'stat %f %s %u %g %U %G %n' -- "$@"
for p; do
  shift
  n="${p%/*}/.${p##*/}.deployer-"
  { [ -e "${n}old" ] || [ -L "${n}old" ] || [ -e "${n}new" ]; } && echo "left $p"
  if [ -L "$p" ]; then echo "link $p"; readlink -- "$p"
  elif [ -f "$p" ]; then set -- "$@" "$p"
  fi
done
[ $# -eq 0 ] || sha256sum -- "$@"
echo '[end]'
"""
_LIST: Final = "find "
_PUT_CHECKS: Final = """set -e
export LC_ALL=C
[ -d "$d" ] || { umask 022; mkdir -p -- "$d"; }
if [ -d "$p" ] && [ ! -L "$p" ]; then echo "it is a directory" >&2; exit 1; fi
rm -f -- "$old"
"""
_PUT: Final = """umask 077
trap 'rm -f -- "$new"' EXIT
trap 'exit 1' HUP INT TERM PIPE
rm -f -- "$new"
said=$(head -c "$size" | dd of="$new" bs=65536 conv=fsync 2>&1) || { echo "$said" | grep 'dd: ' >&2; exit 1; }
[ "$(stat -c %s -- "$new")" = "$size" ] || { echo "the upload was interrupted" >&2; exit 1; }
"""
_LINK: Final = """trap 'rm -f -- "$new"' EXIT
rm -f -- "$new"
ln -s -- "$target" "$new"
"""
_KEEP: Final = """if [ -e "$p" ] || [ -L "$p" ]; then
  rm -f -- "$old"; ln -P -- "$p" "$old" 2>/dev/null || cp -pP -- "$p" "$old"
fi
mv -fT -- "$new" "$p"
"""
_TELL: Final = 'echo "$said" | tail -n 5 >&2; '
_REJECTED: Final = """echo "validation exited with $c" >&2; exit 1; }
"""
_BACKUP: Final = """if [ -e "$old" ] || [ -L "$old" ]; then
  to="$p.$(date +%Y-%m-%d@%H:%M:%S)~"
  while [ -e "$to" ] || [ -L "$to" ]; do to="$to~"; done
  mv -T -- "$old" "$to"
fi
"""
_CLEAN: Final = 'rm -f -- "$old" "$new"\n'
_BACK: Final = """rm -f -- "$new"
if [ -e "$old" ] || [ -L "$old" ]; then mv -fT -- "$old" "$p"; rm -f -- "$old"; fi
"""
_AWAY: Final = """rm -f -- "$new"
is_it && rm -f -- "$p" || :
"""
_REMOVE: Final = """[ -e "$p" ] || [ -L "$p" ] || exit 0
is_it || { echo "it was changed meanwhile, and is kept" >&2; exit 1; }
[ ! -d "$p" ] || [ -L "$p" ] || { rmdir -- "$p" 2>/dev/null || :; exit 0; }
"""


CREATED: Final = "it was created since the plan was made"
CHANGED: Final = "it was changed since the plan was made"


class ShellFiles:
    runs_commands: ClassVar = True

    def __init__(self, shell: Shell) -> None:
        self._shell = shell

    def look(
        self, paths: Sequence[str], trees: Sequence[str] = (), folders: Sequence[str] = ()
    ) -> Mapping[str, ObservedFile]:
        found: dict[str, ObservedFile] = {}
        listing = "".join(f"{_LIST}{shlex.quote(path)} -mindepth 1 2>/dev/null\n" for path in trees)
        for part in _parts(sorted({*paths, *folders})):
            result = self._shell.perform(f"{listing}set -- {shlex.join(part)}\n{_LOOK}")
            if not result.output.endswith(f"{_END}\n"):
                raise FileError(f"the files of the host cannot be read: {_said(result)}")
            found |= _read(result)
            listing = ""
        return found

    def text(self, path: str) -> str | None:
        result = self._shell.perform(f"head -c {LONGEST + 1} -- {shlex.quote(path)}")
        return None if "\ufffd" in result.output else text_of(result.output.encode())

    def put(self, operation: PutFile, content: Body) -> None:
        script = f"size={operation.size}\n{_PUT_CHECKS}{_as_planned(operation.before)}{_PUT}"
        script += _access(operation, "$new")
        if operation.validate:
            script += _validation(operation.validate, "" if operation.secret else _TELL)
        self._do(operation.path, "cannot be written", script + _KEEP, content)

    def link(self, operation: MakeLink) -> None:
        script = f"{_PUT_CHECKS}{_as_planned(operation.before)}{_LINK}{_KEEP}"
        self._do(operation.path, "cannot be linked", f"target={shlex.quote(operation.target)}\n{script}")

    def make_directory(self, operation: MakeDirectory) -> None:
        script = f'set -e\n[ -d "$d" ] || mkdir -p -- "$d"\n{_as_planned("")}mkdir -- "$p"\n'
        self._do(operation.path, "cannot be created", script + _access(operation, "$p"))

    def set(self, operation: SetFile) -> None:
        self._do(operation.path, "cannot be changed", "set -e\n" + _access(operation, "$p"))

    def restore(self, operation: RestoreFile) -> None:
        given = f"set -e\n{_is_it(operation.identity)}"
        back = _BACK if operation.identity else f"is_it || exit 0\n{_BACK}"
        self._do(operation.path, "cannot be restored", given + (back if operation.existed else _AWAY))

    def finish(self, operation: FinishFile) -> None:
        kept = _BACKUP if operation.backup else ""
        self._do(operation.path, "cannot be cleaned up", f"set -e\n{kept}{_CLEAN}")

    def remove(self, operation: RemoveFile) -> None:
        before = _BACKUP if operation.backup else 'rm -f -- "$old"\n'
        aside = 'mv -T -- "$p" "$old"\n'
        after = 'rm -f -- "$new"\n' if operation.keep else _BACKUP + _CLEAN if operation.backup else _CLEAN
        away = f"{_is_it(operation.identity)}{_REMOVE}set -e\n{before}{aside}{after}"
        self._do(operation.path, "cannot be removed", away)

    def _do(self, path: str, what: str, script: str, content: Body = ()) -> None:
        folder, name = posixpath.split(path)
        places = {"p": path, "d": folder, "old": beside(path, "old"), "new": beside(path, "new")}
        given = "".join(f"{key}={shlex.quote(value)}\n" for key, value in places.items())
        result = self._shell.perform(given + script, content)
        if result.status != 0:
            said = _said(result)
            untouched = CREATED in said or CHANGED in said
            raise FileError(f"{path} {what}: {said}", untouched=untouched, hint=hint_of(said, name))


def _access(operation: PutFile | SetFile | MakeDirectory, target: str) -> str:
    owner = operation.owner + (f":{operation.group}" if operation.group else "")
    chown = f'chown {shlex.quote(owner)} -- "{target}"\n' if owner else ""
    return f'{chown}chmod {operation.mode:04o} -- "{target}"\n'


def _as_planned(before: str) -> str:
    """Refuses what nobody has seen in the plan."""
    return f"{_is_it(before)}is_it || {{ echo {shlex.quote(CHANGED if before else CREATED)} >&2; exit 1; }}\n"


def _is_it(identity: str) -> str:
    """A function that tells whether something with this identity (`model.files`) is there, nothing for ""."""
    if not identity:
        test = '[ ! -e "$p" ] && [ ! -L "$p" ]'
    elif identity.startswith(LINK):
        test = f'[ -L "$p" ] && [ "$(readlink -- "$p")" = {shlex.quote(identity.removeprefix(LINK))} ]'
    elif identity == FileKind.DIRECTORY:
        test = '[ -d "$p" ] && [ ! -L "$p" ]'
    else:
        test = f'[ -f "$p" ] && [ ! -L "$p" ] && [ "$(sha256sum < "$p")" = "{identity}  -" ]'
    return f"is_it() {{ {test}; }}\n"


def beside(path: str, what: str) -> str:
    """`/etc/.app.conf.deployer-old`."""
    folder, name = posixpath.split(path)
    return posixpath.join(folder, f".{name}.deployer-{what}")


def hint_of(said: str, name: str) -> str:
    if "No space left" in said or "Disk quota" in said:
        return "free space on the host; what was there before is untouched"
    if "ermission denied" in said or "not permitted" in said:
        return "set `become: true` for the host, or log in as a user who may write there"
    if CREATED in said or CHANGED in said:
        return "create a new plan"
    if "invalid user" in said or "invalid group" in said or "unknown user" in said:
        return f"create it on the host, or give {name} another owner and group"
    return ""


def _validation(words: Sequence[str], tell: str) -> str:
    """`tell`: what is done with the output of a failed one."""
    parts = " ".join('"$new"'.join(map(_quoted, word.split("%s"))) for word in words)
    return f"said=$({parts} 2>&1 </dev/null) || {{ c=$?; {tell}{_REJECTED}"


def _quoted(text: str) -> str:
    return shlex.quote(text) if text else ""


def _parts(paths: Sequence[str]) -> Iterator[list[str]]:
    part: list[str] = []
    length = 0
    for path in paths:
        if part and length + len(path) > _AT_ONCE:
            yield part
            part, length = [], 0
        part.append(path)
        length += len(path) + 3
    if part:
        yield part


def _said(result: CommandResult) -> str:
    """What a script wrote as an error."""
    lines = [line.strip() for line in result.errors.splitlines() if line.strip()]
    words = "; ".join(line.rpartition("sh: ")[2] for line in lines[-6:])
    return words or f"it ended with {'no status' if result.status is None else f'status {result.status}'}"


def _read(result: CommandResult) -> dict[str, ObservedFile]:
    lines = iter(result.output.removesuffix(f"{_END}\n").split("\n")[:-1])
    found: dict[str, ObservedFile] = {}
    sums: dict[str, str] = {}
    targets: dict[str, str] = {}
    left: set[str] = set()
    below: list[str] = []
    for line in lines:
        word, _, rest = line.partition(" ")
        if word == "stat":
            mode, size, uid, gid, user, group, path = rest.split(" ", 6)
            bits = int(mode, 16)
            found[path] = ObservedFile(
                path, file_kind(bits), int(size), stat.S_IMODE(bits), int(uid), int(gid), _name(user), _name(group)
            )
        elif word.startswith("/"):
            below.append(line)
        elif word == "left":
            left.add(rest)
        elif word == "link":
            targets[rest] = next(lines, "")
        else:
            sums[_unescaped(rest[1:]) if word.startswith("\\") else rest[1:]] = word.lstrip("\\")
    unread = [path for path, each in found.items() if each.kind is FileKind.FILE and path not in sums]
    _refuse_unread(result, unread)
    return {
        path: replace(
            each,
            sha256=sums.get(path, ""),
            target=targets.get(path, ""),
            left=path in left,
            below=tuple(sorted(name for name in below if name.startswith(f"{path}/"))),
        )
        for path, each in found.items()
    }


def _unescaped(name: str) -> str:
    """As `sha256sum` writes one with a backslash, which begins the line."""
    return _ESCAPED.sub(lambda found: {"n": "\n", "r": "\r"}.get(found[1], found[1]), name)


def _refuse_unread(result: CommandResult, unread: Sequence[str]) -> None:
    """What is there and cannot be read must not count as missing."""
    denied = [line for line in result.errors.splitlines() if "ermission denied" in line]
    if unread or denied:
        said = denied[0].rpartition("sh: ")[2] if denied else f"{unread[0]} cannot be read"
        raise FileError(f"the files of the host cannot be read: {said}", hint=hint_of("Permission denied", ""))


def _name(found: str) -> str:
    """ "" for an id without a name."""
    return "" if found == "UNKNOWN" else found
