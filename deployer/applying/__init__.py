"""Executes a plan, verifies the result."""
