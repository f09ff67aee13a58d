"""Frozen values shared by all layers: desired state, observed state, plan."""
