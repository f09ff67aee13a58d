"""What to write instead of Compose and Ansible keys that are not supported."""

from __future__ import annotations

from typing import Final

_PLAN_SHOWS = "differences are planned; data is lost only with --allow-data-loss"
_IN_INVENTORY: Final = "the inventory says how a host is reached"
_TLS: Final = (
    *("ca_path", "cacert_path", "cert_path", "client_cert", "client_key", "key_path", "ssl_version", "tls"),
    *("tls_ca_cert", "tls_client_cert", "tls_client_key", "tls_hostname", "tls_verify", "validate_certs"),
)
_CONNECTION: Final = {
    **dict.fromkeys(("docker_host", "docker_url", "use_ssh_client", *_TLS), _IN_INVENTORY),
    "api_version": "it is agreed upon with each engine",
    "debug": "run deployer with -v",
}
"""Keys that all modules of community.docker have."""

_WAITS: Final = "apply waits until it works; update.health_timeout limits that"
CONTAINER: Final = {
    **_CONNECTION,
    "timeout": "write connect_timeout in the inventory, or update.health_timeout",
    "develop": "it is for `docker compose watch` only",
    "external_links": "put both containers on one network",
    **dict.fromkeys(("force_kill", "forcekill"), "write stop_signal: SIGKILL, or stop_grace_period: 0s"),
    "kill_signal": "write stop_signal",
    "label_file": "write labels, or {{ lookup('file', …) | from_yaml }}",
    "models": "run the model in a container of its own",
    "post_start": "use a healthcheck, or a job that depends on the container",
    "pre_stop": "let the container's process handle stop_signal",
    "provider": "declare what it provides as a container or job",
    "volume_driver": "write driver under volumes",
    "deploy": "write mem_limit, cpus and update; one container per key",
    "attach": "log lines are read with `deployer logs`",
    "output_logs": "log lines are read with `deployer logs`",
    **dict.fromkeys(("cpu_count", "cpu_percent", "credential_spec", "isolation"), "it is for Windows containers only"),
    "detach": "every container runs in the background",
    "cleanup": "write auto_remove, or declare a job",
    "cgroup_ns_mode": "write cgroup: private or host",
    "command_handling": "a text is split into words, a list is taken as it is",
    "comparisons": "every field is compared; ignore_changes excludes some",
    "container_default_behavior": "what is not declared has the engine's default",
    "default_host_ip": "write the address in ports: 127.0.0.1:8080:80",
    **dict.fromkeys(
        ("ignore_image", "image_comparison", "image_label_mismatch", "image_name_mismatch"),
        "an image counts as changed if its id differs; ignore_changes: [image] excludes it",
    ),
    "kernel_memory": "engines ignore it since 23.0",
    "keep_volumes": "volumes are always kept",
    "log_opt": "write logging: {driver: …, options: …}",
    "networks_cli_compatible": "networks are what is declared, as in Compose",
    "purge_networks": "networks that are not declared are always disconnected",
    "paused": "pausing cannot be declared; state is started, stopped, created or absent",
    "profiles": "use tags or when",
    "pull_check_mode_behavior": "a plan asks the registry, and never pulls",
    "pull_refresh_after": "write pull_policy: always, and apply that often",
    "removal_wait_timeout": "a removal is always awaited",
    "scale": "use loop: one container per key",
    "use_api_socket": "mount /var/run/docker.sock under volumes",
    "wait": _WAITS,
    "wait_timeout": _WAITS,
}

BUILD: Final = {
    "ssh": "the agent of this machine is not forwarded; clone before the build, or use secrets with a deploy key",
    "additional_contexts": "put what the build needs into its context",
    "attest": "attestations are not made",
    "buildargs": "write args",
    "cache_to": "the host keeps the cache of its builds",
    **dict.fromkeys(("cgroup_parent", "container_limits", "ulimits"), "limits are the engine's"),
    "entitlements": "builds run without privileges",
    "etc_hosts": "write extra_hosts",
    "http_timeout": "a build has no time limit",
    "isolation": "it is for Windows only",
    "nocache": "write no_cache",
    "outputs": "the image is the only output",
    "path": "write context",
    "privileged": "builds run without privileges",
    "provenance": "attestations are not made",
    "rm": "intermediate containers are always removed",
    "sbom": "attestations are not made",
    "tags": "write one image for each tag",
    "use_config_proxy": "write args: {http_proxy: …}",
}
"""For keys of `build`."""

_IN_BUILD: Final = "write it under build"
IMAGE: Final = {
    **_CONNECTION,
    **dict.fromkeys(("archive_path", "load_path"), "send the archive with `deployer image copy --from FILE`"),
    **dict.fromkeys(("force", "force_absent", "force_source", "force_tag"), "what differs is planned, without force"),
    **dict.fromkeys(("args", "context", "dockerfile", "network", "target"), _IN_BUILD),
    **{key: f"under build, {BUILD[key]}" for key in ("buildargs", "container_limits", "http_timeout", "nocache", "rm")},
    "name": "the key is the reference of the image",
    "path": "write build: FOLDER",
    "repository": "write tag_as",
    "tag": "the tag is part of the key: nginx:1.27; further ones are written under tag_as",
    "timeout": "write connect_timeout in the inventory",
}
"""For keys of images."""

JOB: Final = {
    **{key: hint for key, hint in CONTAINER.items() if key != "timeout"},
    "keep_previous": "the last run of a job is kept, and the last failed one",
    "paused": "pausing cannot be declared; state is started or absent",
    "protect": "a job's container is only the record that it ran",
    "restart_retries": "a job that failed is run again by the next apply",
    "update": "every job is awaited until it ends; timeout limits the wait",
    **dict.fromkeys(("wait", "wait_timeout"), "every job is awaited until it ends; timeout limits the wait"),
}
"""For keys of jobs, including those that only containers have."""

OBJECT: Final = {
    **_CONNECTION,
    **dict.fromkeys(("appends", "connected", "containers", "incremental"), "containers name their networks"),
    **dict.fromkeys(("network_name", "volume_name"), "write name"),
    **dict.fromkeys(("force", "recreate"), _PLAN_SHOWS),
    "ipam_options": "write ipam: {config: …}",
    "timeout": "write connect_timeout in the inventory",
}
"""For keys of networks and volumes."""
