"""A folder with backups of a host that runs scripts, as the user whom `become` names.

Data comes and goes in blocks, since a script cannot see where its input ends. A backup of a volume of the same host is
made there, without passing this machine, where the host has the docker command and zstd.
"""

from __future__ import annotations

import base64
import shlex
from collections.abc import Iterable, Iterator, Sequence
from typing import Final

from deployer.engine.shell_files import hint_of
from deployer.errors import FileError
from deployer.interfaces import Body, CommandResult, Shell, StoredFile

_BLOCK: Final = 1024 * 1024
_LACKING: Final = 77
"""The exit code of a script for which a program is missing."""

_PROBE: Final = "for each in base64 dd mktemp tail head stat; do command -v $each >/dev/null || exit 77; done"
_LIST: Final = """[ -e "$d" ] || exit 0
cd -- "$d"
for f in *; do if [ -f "$f" ] && [ ! -L "$f" ]; then stat -c '%s %n' -- "$f"; fi; done
"""
_SIZE: Final = """[ -e "$p" ] || exit 0
stat -c %s -- "$p"
"""
_FETCH: Final = """[ -r "$p" ] || { echo "it cannot be read" >&2; exit 1; }
tail -c "+$from" -- "$p" | head -c "$size" | base64
"""
_BEGIN: Final = """umask 077
[ -d "$d" ] || mkdir -p -- "$d"
w=$(mktemp -d "$d/.deployer-XXXXXXXX")
r= watch=
trap 'kill $r $watch 2>/dev/null || :; rm -rf -- "$w"' EXIT
trap 'exit 1' HUP INT TERM PIPE
"""
_END: Final = """sync -- "$w/new" 2>/dev/null || :
mv -f -- "$w/new" "$p"
"""
_PUT: Final = """: >"$w/new"
while read -r n && [ "$n" -gt 0 ]; do
  said=$(dd bs="$n" count=1 iflag=fullblock 2>&1 >>"$w/new") || { echo "$said" | grep 'dd: ' >&2; exit 1; }
done
[ "$n" = 0 ] || { echo "the upload was interrupted" >&2; exit 1; }
"""
_TAKE: Final = """exec 3<&0
head -c "$size" <&3 >"$w/new"
mkfifo "$w/tar" "$w/sum" "$w/count" "$w/end"
sha256sum <"$w/sum" >"$w/sum.out" & s=$!
wc -c <"$w/count" >"$w/count.out" & c=$!
tail -c 1024 <"$w/end" | tr -d '\\000' | wc -c >"$w/end.out" & e=$!
{ tee "$w/sum" "$w/count" "$w/end" <"$w/tar" | zstd -q -c >>"$w/new"; } 2>>"$w/said" & z=$!
"$@" >"$w/tar" 2>>"$w/said" & r=$!
{ while read -r beat; do :; done <&3; kill $$; } >/dev/null 2>&1 & watch=$!
failed() { wait $z $s $c $e || :; tail -n 2 "$w/said" >&2; exit 1; }
wait $r || failed
r=
wait $z || failed
wait $s $c $e
[ "$(cat "$w/end.out")" -eq 0 ] || { echo "the archive of the engine is incomplete" >&2; exit 1; }
sum=$(cut -d ' ' -f 1 <"$w/sum.out")
count=$(tr -d ' ' <"$w/count.out")
printf '\\135\\052\\115\\030\\000\\001\\000\\000%-256s' "{\\"sha256\\":\\"$sum\\",\\"size\\":$count}" >>"$w/new"
"""
_TAKING: Final = "for each in zstd docker mkfifo sha256sum tee; do command -v $each >/dev/null || exit 77; done\n"
"""The numbers are those of the last frame of a backup, see `usecases.backup_file`."""


class ShellStore:
    """`shown`: what precedes the names of files for people; `docker`: the command for the engine of the host. Only the
    owner of files may read them."""

    def __init__(self, shell: Shell, folder: str, shown: str, docker: str) -> None:
        self._shell = shell
        self._folder = folder
        self._shown = shown
        self._docker = docker

    def serves(self) -> bool:
        """Whether the host has the programs that are needed. Raises `NotOfferedError` without a shell."""
        return self._shell.perform(_PROBE).status == 0

    def place(self, name: str) -> str:
        return f"{self._shown}{name}"

    def list(self) -> Sequence[StoredFile]:
        lines = self._do("", _LIST).output.splitlines()
        pairs = (line.partition(" ") for line in lines)
        return sorted((StoredFile(name, int(size)) for size, _, name in pairs), key=lambda each: each.name)

    def size(self, name: str) -> int | None:
        said = self._do(name, _SIZE).output.strip()
        return int(said) if said else None

    def fetch(self, name: str, start: int, size: int) -> bytes:
        return base64.b64decode(self._do(name, f"from={start + 1}\nsize={size}\n{_FETCH}").output)

    def put(self, name: str, content: Iterable[bytes]) -> None:
        self._do(name, _BEGIN + _PUT + _END, _blocks(content))

    def take(self, name: str, words: Sequence[str], beginning: bytes, beats: Iterable[bytes]) -> tuple[str, int] | None:
        """Makes a backup of what a docker command of the host writes: the SHA-256 and the size of that; None where the
        host lacks a program. `beginning`: of the file; the script ends with `beats`, which it waits for."""
        script = f"size={len(beginning)}\nset -- {self._docker} {shlex.join(words)}\n{_TAKING}{_BEGIN}{_TAKE}{_END}"
        result = self._do(name, script + 'echo "$sum $count"\n', _chain(beginning, beats), allowed=(0, _LACKING))
        if result.status == _LACKING:
            return None
        digest, _, size = result.output.strip().partition(" ")
        return digest, int(size)

    def remove(self, name: str) -> None:
        self._do(name, 'rm -f -- "$p"\n')

    def _do(self, name: str, script: str, content: Body = (), allowed: Sequence[int] = (0,)) -> CommandResult:
        path = f"{self._folder.rstrip('/')}/{name}"
        given = f"set -e\nexport LC_ALL=C\nd={shlex.quote(self._folder)}\np={shlex.quote(path)}\n"
        result = self._shell.perform(given + script, content)
        if result.status not in allowed:
            lines = [line.strip() for line in result.errors.splitlines() if line.strip()]
            said = lines[-1].rpartition("sh: ")[2] if lines else f"it ended with status {result.status}"
            raise FileError(f"{self.place(name)}: {said}", hint=hint_of(said, name))
        return result


def _chain(beginning: bytes, beats: Iterable[bytes]) -> Iterator[bytes]:
    yield beginning
    yield from beats


def _blocks(content: Iterable[bytes]) -> Iterator[bytes]:
    """Each after a line with its size; 0 is the end."""
    pending = bytearray()
    for piece in content:
        pending += piece
        while len(pending) >= _BLOCK:
            yield b"%d\n" % _BLOCK + pending[:_BLOCK]
            del pending[:_BLOCK]
    if pending:
        yield b"%d\n" % len(pending) + pending
    yield b"0\n"
