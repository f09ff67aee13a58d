"""Keys of other tools have advice, and none of them is taken for another key."""

from __future__ import annotations

import pytest

from deployer.fields import advice
from deployer.fields.container import CONTAINER
from deployer.fields.image import IMAGE
from deployer.fields.job import JOB
from deployer.fields.network import NETWORK
from deployer.fields.table import Table
from deployer.fields.volume import VOLUME

COMMON = (
    "api_version ca_path client_cert client_key debug docker_host timeout tls tls_hostname use_ssh_client "
    "validate_certs"
)
ANSIBLE = {
    "container": "auto_remove blkio_weight cap_drop capabilities cgroup_ns_mode cgroup_parent cgroupns_mode cleanup "
    "command command_handling comparisons container_default_behavior cpu_period cpu_quota cpu_shares cpus "
    "cpuset_cpus cpuset_mems default_host_ip detach device_cgroup_rules device_read_bps device_read_iops "
    "device_requests device_write_bps device_write_iops devices dns_opts dns_search_domains dns_servers "
    "domainname entrypoint env env_file etc_hosts exposed_ports force_kill groups healthcheck hostname "
    "image image_comparison image_label_mismatch image_name_mismatch init interactive ipc_mode "
    "keep_volumes kernel_memory kill_signal labels links log_driver log_options mac_address memory "
    "memory_reservation memory_swap memory_swappiness mounts name network_mode networks "
    "networks_cli_compatible oom_killer oom_score_adj output_logs paused pid_mode pids_limit platform "
    "privileged publish_all_ports published_ports pull pull_check_mode_behavior purge_networks read_only "
    "recreate removal_wait_timeout restart restart_policy restart_retries runtime security_opts shm_size "
    "state stop_signal stop_timeout storage_opts sysctls tmpfs tty ulimits user userns_mode uts "
    "volume_driver volumes volumes_from wait wait_timeout working_dir",
    "network": "appends attachable config_from config_only connected driver driver_options enable_ipv4 enable_ipv6 "
    "force ingress internal ipam_config ipam_driver ipam_driver_options labels name scope state",
    "volume": "driver driver_options labels recreate state volume_name",
    "image": "archive_path build force_absent force_source force_tag load_path name pull push repository source "
    "state tag",
}
"""Options of Ansible's modules docker_container, docker_network, docker_volume and docker_image."""


@pytest.mark.parametrize("table", [CONTAINER, NETWORK, VOLUME, IMAGE], ids=lambda table: str(table.kind))
def test_every_option_of_ansible_is_known_or_has_advice(table: Table) -> None:
    options = {*ANSIBLE[table.kind].split(), *COMMON.split()}
    assert options - {*table.spellings, *table.advice} == set()


@pytest.mark.parametrize("table", [CONTAINER, JOB, NETWORK, VOLUME, IMAGE], ids=lambda table: str(table.kind))
def test_no_key_that_is_known_has_advice(table: Table) -> None:
    both = {*table.spellings} & {*table.advice}
    assert both == set()
    assert not any(hint.endswith(".") for hint in table.advice.values())


def test_builds() -> None:
    same = {"args", "cache_from", "dockerfile", "labels", "network", "platform", "pull", "shm_size", "target"}
    others = {"container_limits", "etc_hosts", "http_timeout", "nocache", "path", "rm", "use_config_proxy"}
    assert others <= advice.BUILD.keys()
    assert same.isdisjoint(advice.BUILD)
