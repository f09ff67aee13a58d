"""Declare what Docker hosts should run, see the plan, apply it over SSH."""
