"""A folder with every kind of entry, and a listing that tells any two folders apart."""

from __future__ import annotations

import hashlib
import os
import stat
import struct
from collections.abc import Iterator
from pathlib import Path

SECOND = 10**9
NOTE = ("user.note", b"hello")
CAPABILITY = ("security.capability", struct.pack("<IIIII", 0x02000001, 1 << 10, 0, 0, 0))
_ENTRIES = [(1, 6, -1), (2, 4, 4242), (4, 4, -1), (0x10, 4, -1), (0x20, 0, -1)]
ACL = (
    "system.posix_acl_access",
    struct.pack("<I", 2) + b"".join(struct.pack("<HHi", *entry) for entry in _ENTRIES),
)

BIG = 60_000_000


def plant(root: Path, files: int = 20) -> None:
    """Owners and modes that no other entry has; times with fractions of seconds."""
    for number in range(files):
        folder = root / "many" / f"d{number % 7}"
        folder.mkdir(parents=True, exist_ok=True)
        _write(folder / f"f{number}", b"%d" % number * 50, 0o600 + number % 8, number, number * 1000)
    _write(root / "plain", b"plain", 0o640, 1000, 1001)
    _write(root / "setuid", b"setuid", 0o4755, 5, 6)
    _write(root / "capable", b"capable", 0o755, 0, 0)
    _write(root / "listed", b"listed", 0o640, 0, 0)
    _write(root / "empty", b"", 0o600, 3, 4)
    _write(root / ("n" * 200), b"long name", 0o644, 0, 0)
    os.close(os.open(os.fsencode(root) + b"/caf\xe9-\xff", os.O_CREAT))
    (root / "sticky").mkdir()
    os.chown(root / "sticky", 70, 71)
    (root / "sticky").chmod(0o1777)
    os.link(root / "plain", root / "sticky/hard")
    (root / "link").symlink_to("plain")
    os.lchown(root / "link", 12, 13)
    (root / "dangling").symlink_to("/no/such")
    os.mkfifo(root / "fifo", 0o620)
    for name, kind, device in (("null", stat.S_IFCHR, (1, 3)), ("block", stat.S_IFBLK, (7, 9))):
        os.mknod(root / name, 0o660 | kind, os.makedev(*device))
        os.chown(root / name, 20, 21)
    with (root / "sparse").open("wb") as file:
        file.truncate(8_000_000)
        file.seek(4_000_000)
        file.write(b"middle")
    for name, attribute in (("plain", NOTE), ("capable", CAPABILITY), ("listed", ACL)):
        os.setxattr(root / name, *attribute)
    os.utime(root / "plain", ns=(SECOND, 1_234_567_890_123_456_789))
    os.utime(root / "link", ns=(SECOND, 1_400_000_000_987_654_321), follow_symlinks=False)
    os.chown(root, 999, 998)
    root.chmod(0o2750)
    for folder in (root / "sticky", root / "many", root):
        os.utime(folder, ns=(SECOND, 1_500_000_000_123_456_789))


def _write(path: Path, data: bytes, mode: int, uid: int, gid: int) -> None:
    path.write_bytes(data)
    os.chown(path, uid, gid)
    path.chmod(mode)


def listing(root: Path, *, exact: bool) -> list[str]:
    """Without `exact`: whole seconds, and neither attributes but capabilities nor holes."""
    inodes: dict[int, bytes] = {}
    return [_entry(path, root, inodes, exact=exact) for path in _paths(root)]


def _paths(root: Path) -> Iterator[bytes]:
    top = os.fsencode(root)
    yield top
    for folder, folders, files in os.walk(top):
        folders.sort()
        yield from (folder + b"/" + name for name in sorted([*folders, *files]))


def _entry(path: bytes, root: Path, inodes: dict[int, bytes], *, exact: bool) -> str:
    found = os.lstat(path)
    name, kind = os.path.relpath(path, os.fsencode(root)), stat.S_IFMT(found.st_mode)
    time = found.st_mtime_ns if exact else found.st_mtime_ns // SECOND
    parts: list[object] = [name, oct(found.st_mode), found.st_uid, found.st_gid, time]
    if kind == stat.S_IFLNK:
        return repr([*parts, Path(os.fsdecode(path)).readlink()])
    if kind in (stat.S_IFCHR, stat.S_IFBLK):
        parts.append(found.st_rdev)
    if kind == stat.S_IFREG:
        with Path(os.fsdecode(path)).open("rb") as file:
            parts.append(hashlib.file_digest(file, "sha256").hexdigest())
        parts += [inodes.setdefault(found.st_ino, name), found.st_nlink]
    if exact:
        parts += [
            found.st_blocks * 512 < found.st_size // 2,
            sorted((each, os.getxattr(path, each)) for each in os.listxattr(path)),
        ]
    elif CAPABILITY[0] in os.listxattr(path):
        parts.append(os.getxattr(path, CAPABILITY[0]))
    return repr(parts)
