"""What the lab's registry serves. Real software comes from Debian's packages.

`redis` is Debian's redis-server under the name and with the interface of the public image: a stand-in, not that image.
The same holds for `debian`, `busybox`, `nginx` and `wordpress`. `mysql` is Debian's MariaDB, `postgres:17` Debian's
PostgreSQL 15. No package has MongoDB or Elasticsearch: `mongo` and `sebp/elk` are BusyBox with their ports and volumes.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from tests.lab.images.packing import Entry
from tests.lab.layers import Layer
from tests.lab.rootfs import HOSTS, MINBASE

_FILES = Path(__file__).with_name("files")
_PATH = "PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
_SECOND = 1_000_000_000

DEBIAN = MINBASE["bookworm"]
REDIS = Layer(
    "redis",
    "bookworm",
    ("redis-server",),
    "mkdir -p /data && chown redis:redis /data\n",
    DEBIAN,
)
PYTHON = Layer("python", "bookworm", ("python3",), "", DEBIAN)
MARIADB = Layer("mariadb", "bookworm", ("mariadb-server",), "rm -rf /var/lib/mysql/*\n", DEBIAN)
WORDPRESS = Layer(
    "wordpress",
    "bookworm",
    ("wordpress", "wordpress-theme-twentytwentythree", "libapache2-mod-php", "php-mysql", "php-xml"),
    "rm -rf /var/www/html/*\n",
    DEBIAN,
)
NGINX = Layer("nginx", "bookworm", ("nginx",), "rm -rf /etc/nginx/sites-*\n", DEBIAN)
# Without the compiler, Debian's wrappers and what they need: half of the size.
_NOT_NEEDED = "/usr/lib/llvm* /usr/lib/*/libLLVM* /usr/lib/*/libz3* /usr/lib/postgresql/*/lib/bitcode /usr/lib/*/perl"
POSTGRES = Layer(
    "postgres",
    "bookworm",
    ("postgresql",),
    f"rm -rf /etc/postgresql /var/lib/postgresql/* /usr/lib/postgresql/*/lib/llvmjit* /usr/share/perl {_NOT_NEEDED}\n",
    DEBIAN,
)
LAYERS = [DEBIAN, REDIS, PYTHON, MARIADB, WORDPRESS, NGINX, POSTGRES]


@dataclass(frozen=True, slots=True)
class Image:
    """One image: its repository and tags, Debian layers from the bottom, then files, then the `Config` of its JSON."""

    repository: str
    tags: tuple[str, ...]
    config: Mapping[str, Any]
    layers: tuple[Layer, ...] = ()
    files: Mapping[str, Entry] = field(default_factory=dict)


def images() -> list[Image]:
    """All images; the layers they stand on must have been built."""
    return [
        Image("library/debian", ("bookworm", "12", "latest"), {"Env": [_PATH], "Cmd": ["bash"]}, (DEBIAN,)),
        _redis(),
        *(_counter(version) for version in ("1.0", "1.1")),
        *_busybox_images(),
        _mysql(),
        _wordpress(),
        _nginx(),
        _postgres(),
    ]


def healthcheck(
    command: str, interval: float, timeout: float = 3, retries: int = 3, start: float = 0
) -> dict[str, Any]:
    """A `HEALTHCHECK CMD command` as an image's configuration has it; times in seconds."""
    return {
        "Test": ["CMD-SHELL", command],
        "Interval": int(interval * _SECOND),
        "Timeout": int(timeout * _SECOND),
        "StartPeriod": int(start * _SECOND),
        "Retries": retries,
    }


def _redis() -> Image:
    config = {
        "Env": [_PATH],
        "Entrypoint": ["docker-entrypoint.sh"],
        "Cmd": ["redis-server"],
        "ExposedPorts": {"6379/tcp": {}},
        "Volumes": {"/data": {}},
        "WorkingDir": "/data",
    }
    script = (_FILES / "redis-entrypoint.sh").read_bytes()
    files = {"usr/local/bin/docker-entrypoint.sh": Entry(script)}
    return Image("library/redis", ("7", "latest"), config, (DEBIAN, REDIS), files)


def _mysql() -> Image:
    config = {
        "Env": [_PATH],
        "Entrypoint": ["docker-entrypoint.sh"],
        "Cmd": ["mysqld"],
        "ExposedPorts": {"3306/tcp": {}},
        "Volumes": {"/var/lib/mysql": {}},
    }
    script = Entry((_FILES / "mysql-entrypoint.sh").read_bytes())
    files = {"usr/local/bin/docker-entrypoint.sh": script}
    return Image("library/mysql", ("8.4",), config, (DEBIAN, MARIADB), files)


def _wordpress() -> Image:
    config = {
        "Env": [_PATH],
        "Entrypoint": ["docker-entrypoint.sh"],
        "Cmd": ["apache2-foreground"],
        "ExposedPorts": {"80/tcp": {}},
        "Volumes": {"/var/www/html": {}},
        "WorkingDir": "/var/www/html",
    }
    script = Entry((_FILES / "wordpress-entrypoint.sh").read_bytes())
    files = {"usr/local/bin/docker-entrypoint.sh": script}
    return Image("library/wordpress", ("6-apache",), config, (DEBIAN, WORDPRESS), files)


def _postgres() -> Image:
    config = {
        "Env": [_PATH.replace("=", "=/usr/lib/postgresql/15/bin:"), "PGDATA=/var/lib/postgresql/data"],
        "Entrypoint": ["docker-entrypoint.sh"],
        "Cmd": ["postgres"],
        "ExposedPorts": {"5432/tcp": {}},
        "StopSignal": "SIGINT",
        "Volumes": {"/var/lib/postgresql/data": {}},
    }
    script = Entry((_FILES / "postgres-entrypoint.sh").read_bytes())
    files = {"usr/local/bin/docker-entrypoint.sh": script}
    return Image("library/postgres", ("17",), config, (DEBIAN, POSTGRES), files)


def _nginx() -> Image:
    config = {
        "Env": [_PATH],
        "Cmd": ["nginx", "-g", "daemon off;"],
        "ExposedPorts": {"80/tcp": {}},
        "StopSignal": "SIGQUIT",
    }
    own = {
        "etc/nginx/nginx.conf": "nginx.conf",
        "etc/nginx/conf.d/default.conf": "nginx-default.conf",
    }
    files = {path: Entry((_FILES / name).read_bytes(), mode=0o644) for path, name in own.items()}
    files |= {"var/log/nginx": Entry(), "var/lib/nginx": Entry()}
    return Image("library/nginx", ("1.27",), config, (DEBIAN, NGINX), files)


def _counter(version: str) -> Image:
    config = {
        "Env": [_PATH, f"COUNTER_VERSION={version}", "REDIS_HOST=redis", "PYTHONUNBUFFERED=1"],
        "Cmd": ["python3", "/app/counter.py"],
        "ExposedPorts": {"8080/tcp": {}},
        "WorkingDir": "/app",
        "Labels": {"org.opencontainers.image.version": version},
        "Healthcheck": healthcheck("python3 /app/counter.py --health", interval=2),
    }
    files = {"app": Entry(), "app/counter.py": Entry((_FILES / "counter.py").read_bytes(), mode=0o644)}
    return Image("deployer/counter", (version,), config, (DEBIAN, PYTHON), files)


def _busybox_files() -> dict[str, Entry]:
    """A root of one static program; its `nslookup` and `wget` cannot resolve names."""
    applets = (_FILES / "busybox-applets").read_text().split()
    files = {f"bin/{name}": Entry(link="busybox", mode=0o777) for name in applets}
    files |= {name: Entry() for name in ("bin", "etc", "root", "usr", "usr/sbin", "var", "var/www", "home")}
    return files | {
        "bin/busybox": Entry((HOSTS["bookworm"].folder / "usr/bin/busybox").read_bytes()),
        "tmp": Entry(mode=0o1777),
        "etc/passwd": Entry(
            b"root:x:0:0:root:/root:/bin/sh\nnobody:x:65534:65534:nobody:/home:/bin/false\n", mode=0o644
        ),
        "etc/group": Entry(b"root:x:0:\nnobody:x:65534:\n", mode=0o644),
    }


def _busybox_images() -> list[Image]:
    base = _busybox_files()
    return [
        Image("library/busybox", ("1", "latest"), {"Env": [_PATH], "Cmd": ["sh"]}, files=base),
        Image(
            "deployer/everything",
            ("1",),
            _EVERYTHING,
            files=base | {"work": Entry(), "data": Entry(), "cache": Entry()},
        ),
        _mongo(base),
        _elk(base),
        Image("deployer/exits", ("1",), _shell("echo cannot start >&2; exit 1"), files=base),
        Image("deployer/unhealthy", ("1",), _UNHEALTHY, files=base),
        *(_web(base, tag, healthy=tag != "broken") for tag in ("1", "2", "broken")),
    ]


def _shell(command: str) -> dict[str, Any]:
    return {"Env": [_PATH], "Cmd": ["sh", "-c", command]}


def _mongo(base: dict[str, Entry]) -> Image:
    """No database: serves the files of its volume on MongoDB's port."""
    serve = "cd /data/db; test -e WiredTiger || { echo data > WiredTiger; chown 999:999 . WiredTiger; chmod 700 .; }"
    config = _shell(f"{serve}; exec httpd -f -p 27017 -h /data/db") | {
        "ExposedPorts": {"27017/tcp": {}},
        "StopSignal": "SIGKILL",
        "Volumes": {"/data/configdb": {}, "/data/db": {}},
    }
    shell = Entry(b"#!/bin/sh\nexec wget -q -O /dev/null http://127.0.0.1:27017/WiredTiger\n")
    folders = {name: Entry() for name in ("data", "data/db", "usr/local", "usr/local/bin")}
    return Image("library/mongo", ("7",), config, files=base | folders | {"usr/local/bin/mongosh": shell})


def _elk(base: dict[str, Entry]) -> Image:
    """No search engine: answers on the ports of the three programs."""
    ports = (5044, 5601, 9200)
    config = _shell(f"for port in {' '.join(map(str, ports))}; do httpd -p $port -h /etc; done; exec sleep 1000000") | {
        "ExposedPorts": {f"{port}/tcp": {} for port in ports},
        "StopSignal": "SIGKILL",
        "Volumes": {"/var/lib/elasticsearch": {}},
    }
    return Image("sebp/elk", ("8.14.3",), config, files=base)


# Healthy at first, unhealthy from the fifth second on.
_UNHEALTHY = _shell("touch /tmp/well; sleep 5; rm /tmp/well; exec sleep 1000000") | {
    "Healthcheck": healthcheck("test -e /tmp/well", interval=1, retries=1)
}

# Has every instruction that a container inherits.
_EVERYTHING = {
    "Env": [_PATH, "A=img", "B=img"],
    "Labels": {"img.label": "one", "shared": "img"},
    "ExposedPorts": {"80/tcp": {}, "53/udp": {}},
    "Volumes": {"/data": {}, "/cache": {}},
    "User": "1000:1000",
    "WorkingDir": "/work",
    "StopSignal": "SIGINT",
    "Healthcheck": healthcheck("true", interval=7, timeout=3, retries=4, start=2),
    "Entrypoint": ["sh", "-c"],
    "Cmd": ["sleep 600"],
}


def _web(base: dict[str, Entry], tag: str, *, healthy: bool) -> Image:
    """A two-megabyte web server on port 80 that stops at once; `broken` serves, but never becomes healthy."""
    check = "wget -q -O /dev/null http://127.0.0.1/" if healthy else "echo no database; exit 1"
    config = {
        "Env": [_PATH],
        "Cmd": ["httpd", "-f", "-p", "80", "-h", "/var/www"],
        "ExposedPorts": {"80/tcp": {}},
        "StopSignal": "SIGKILL",
        "Healthcheck": healthcheck(check, interval=0.5, retries=2),
    }
    files = base | {"var/www/index.html": Entry(f"version {tag}\n".encode(), mode=0o644)}
    return Image("deployer/web", (tag,), config, files=files)
