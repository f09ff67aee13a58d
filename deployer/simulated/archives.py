"""Archives of a simulated host: files in containers, their volumes and binds, and images."""

from __future__ import annotations

import json
import posixpath
import tarfile
from collections.abc import Iterable, Sequence

from deployer.interfaces import Body
from deployer.simulated import trees
from deployer.simulated.images import load_image, need_image
from deployer.simulated.lookup import need_container
from deployer.simulated.references import parse_reference
from deployer.simulated.refusals import failed, invalid, missing
from deployer.simulated.state import Record, SimulatedHost, sha256
from deployer.simulated.trees import Tree

_MANIFEST = "manifest.json"
_GO_TYPES = {tarfile.DIRTYPE: 1 << 31, tarfile.SYMTYPE: 1 << 27}
"""Bits of Go's `fs.FileMode`."""


def whole(body: Body) -> bytes:
    """A simulated host keeps everything in memory."""
    read = getattr(body, "read", None)
    return b"".join(body) if read is None else bytes(read())


def put_archive(host: SimulatedHost, ref: str, folder: str, archive: bytes) -> None:
    container, folder = need_container(host, ref), trees.normal(folder)
    tree, inside = _place(host, container, folder)
    if inside in tree and not trees.is_folder(tree, inside):
        raise invalid("extraction point is not a directory")
    if inside != "/" and not trees.is_folder(tree, inside):
        raise missing(f"Could not find the file {folder} in container {ref}")
    try:
        entries = trees.unpack(archive)
    except tarfile.TarError as error:
        raise failed(f"Error processing tar file(exit status 1): {error}") from error
    for name, entry in entries:
        tree, inside = _place(host, container, trees.normal(f"{folder}/{name}"))
        if entry["type"] != tarfile.DIRTYPE.decode():
            for below in list(trees.below(tree, inside)):
                del tree[below]
        tree[inside] = entry


def get_archive(host: SimulatedHost, ref: str, path: str) -> bytes:
    container, path = need_container(host, ref), trees.normal(path)
    tree, inside = _place(host, container, path)
    if inside not in tree and inside != "/" and not trees.is_folder(tree, inside):
        raise missing(f"Could not find the file {path} in container {ref}")
    top = tree.get(inside) or trees.entry(tarfile.DIRTYPE, mode=0o755)
    name = posixpath.basename(path)
    rest = [(name + each[len(inside.rstrip("/")) :], tree[each]) for each in trees.below(tree, inside)]
    return trees.pack([(name or "/", top), *rest])


def stat_archive(host: SimulatedHost, ref: str, path: str) -> Record | None:
    path = trees.normal(path)
    tree, inside = _place(host, need_container(host, ref), path)
    if inside not in tree and inside != "/" and not trees.is_folder(tree, inside):
        return None
    found = tree.get(inside) or trees.entry(tarfile.DIRTYPE, mode=0o755)
    mode = found["mode"] | _GO_TYPES.get(found["type"].encode(), 0)
    target = posixpath.normpath(posixpath.join(posixpath.dirname(path), found["linkname"])) if found["linkname"] else ""
    size = len(trees.data_of(found))
    return {"name": posixpath.basename(path), "size": size, "mode": mode, "linkTarget": target}


def _place(host: SimulatedHost, container: Record, path: str) -> tuple[Tree, str]:
    """The tree that holds a path of a container, and the path in it."""
    mounts = [mount for mount in container["Mounts"] if f"{path}/".startswith(f"{mount['Destination'].rstrip('/')}/")]
    if not mounts:
        return container.setdefault("files", {}), path
    mount = max(mounts, key=lambda found: len(found["Destination"]))
    rest = path[len(mount["Destination"].rstrip("/")) :]
    if mount["Type"] == "volume":
        return host.state.volumes[mount["Name"]].setdefault("files", {}), rest or "/"
    return _on_host(host, trees.normal(mount.get("Source", "") + rest))


def _on_host(host: SimulatedHost, path: str) -> tuple[Tree, str]:
    """A volume's data are files of the host too."""
    for volume in host.state.volumes.values():
        if path.startswith(f"{volume['Mountpoint']}/"):
            return volume.setdefault("files", {}), path.removeprefix(volume["Mountpoint"])
    return host.state.files, path


def save_images(host: SimulatedHost, refs: Sequence[str]) -> bytes:
    """As `docker save` writes it; the config of an image holds what the simulation knows of it too."""
    entries: list[tuple[str, Record]] = []
    manifest: list[Record] = []
    for ref in refs:
        image = need_image(host, ref)
        is_id = image["Id"][7:].startswith(ref.removeprefix("sha256:"))
        tags = [] if is_id else [parse_reference(ref).familiar]
        config = {"architecture": image["Architecture"], "os": image["Os"], "config": image["Config"]}
        name = f"{image['Id'][7:]}.json"
        entries.append((name, _file(config | {"created": image["Created"], "simulated": image})))
        manifest.append({"Config": name, "RepoTags": tags, "Layers": []})
    return trees.pack([*entries, (_MANIFEST, _file(manifest))])


def _file(document: object) -> Record:
    return trees.entry(tarfile.REGTYPE, json.dumps(document).encode())


def load_images(host: SimulatedHost, archive: bytes) -> Iterable[Record]:
    """Returns the messages of the progress stream."""
    try:
        files = {name: trees.data_of(entry) for name, entry in trees.unpack(archive)}
        manifest = json.loads(files[_MANIFEST])
    except (tarfile.TarError, KeyError, ValueError) as error:
        raise failed("Error processing tar file(exit status 1): unexpected EOF") from error
    for item in manifest:
        config = json.loads(files[item["Config"]])
        known = config.get("simulated") or {}
        image_id = known.get("Id") or "sha256:" + sha256(files[item["Config"]].decode())
        load_image(host, image_id, config, known, item.get("RepoTags") or [])
        yield from ({"stream": f"Loaded image: {tag}\n"} for tag in item.get("RepoTags") or [])
        if not item.get("RepoTags"):
            yield {"stream": f"Loaded image ID: {image_id}\n"}
