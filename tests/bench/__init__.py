"""`make bench`: deployer beside ssh, a bare read, Docker Compose and Ansible, on the hosts of the lab, in one run."""
