"""From files to desired state: YAML, inventory, variables, templates, playbooks."""
