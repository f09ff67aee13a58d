"""Values that the engine accepts: capabilities, log drivers with their options, runtimes."""

from __future__ import annotations

from typing import Final

CAPABILITIES: Final = frozenset(
    (
        *("AUDIT_CONTROL", "AUDIT_READ", "AUDIT_WRITE", "BLOCK_SUSPEND", "BPF", "CHECKPOINT_RESTORE", "CHOWN"),
        *("DAC_OVERRIDE", "DAC_READ_SEARCH", "FOWNER", "FSETID", "IPC_LOCK", "IPC_OWNER", "KILL", "LEASE"),
        *("LINUX_IMMUTABLE", "MAC_ADMIN", "MAC_OVERRIDE", "MKNOD", "NET_ADMIN", "NET_BIND_SERVICE"),
        *("NET_BROADCAST", "NET_RAW", "PERFMON", "SETFCAP", "SETGID", "SETPCAP", "SETUID", "SYSLOG", "SYS_ADMIN"),
        *("SYS_BOOT", "SYS_CHROOT", "SYS_MODULE", "SYS_NICE", "SYS_PACCT", "SYS_PTRACE", "SYS_RAWIO"),
        *("SYS_RESOURCE", "SYS_TIME", "SYS_TTY_CONFIG", "WAKE_ALARM"),
    )
)
_COMMON = frozenset({"labels", "labels-regex", "env", "env-regex", "tag"})
_FILE = _COMMON | {"max-size", "max-file", "compress"}
_SYSLOG = {"syslog-address", "syslog-facility", "syslog-format"}
_SYSLOG_TLS = {"syslog-tls-ca-cert", "syslog-tls-cert", "syslog-tls-key", "syslog-tls-skip-verify"}
_GELF = {"gelf-address", "gelf-compression-level", "gelf-compression-type"}
_FLUENT = {"fluentd-address", "fluentd-async", "fluentd-async-connect", "fluentd-buffer-limit", "fluentd-max-retries"}
LOG_OPTIONS: Final = {
    "none": frozenset[str](),
    "json-file": _FILE,
    "local": _FILE,
    "journald": _COMMON,
    "syslog": _COMMON | _SYSLOG | _SYSLOG_TLS,
    "gelf": _COMMON | _GELF | {"gelf-tcp-max-reconnect", "gelf-tcp-reconnect-delay"},
    "fluentd": _COMMON | _FLUENT | {"fluentd-retry-wait", "fluentd-sub-second-precision"},
    "splunk": _COMMON | {"splunk-token", "splunk-url", "splunk-source", "splunk-sourcetype", "splunk-index"},
    "awslogs": frozenset({"awslogs-region", "awslogs-group", "awslogs-stream", "awslogs-create-group", "tag"}),
    "gcplogs": frozenset({"gcp-project", "gcp-log-cmd", "labels", "env"}),
}
RUNTIMES: Final = ("runc", "io.containerd.runc.v2")
