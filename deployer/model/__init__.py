"""Frozen values every layer speaks: desired, observed, plan."""
