"""Connections to an engine: SSH channels, local socket, TCP with TLS."""
