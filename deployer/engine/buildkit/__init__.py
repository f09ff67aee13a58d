"""Builds with BuildKit, the engine's builder: it calls back over a connection of its own, as a gRPC client, for the
context, the Dockerfile, secrets and credentials. Nothing but the engine's socket is needed on the host."""
