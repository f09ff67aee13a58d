"""Dockerfiles: instructions with their lines, and base images."""

from __future__ import annotations

import pytest

from deployer.values.dockerfile import bases, instructions

TEXT = """# syntax=docker/dockerfile:1
ARG VERSION=22 BASE=node

FROM ${BASE}:$VERSION AS deps
RUN npm \\
    # why
    ci \\

    --omit=dev
run <<EOF
FROM nothing:1
EOF
FROM deps
COPY --from=DEPS /a /b
COPY --from=nginx:1.27 --chown=1 /etc /etc
FROM scratch
FROM --platform=linux/amd64 ${OTHER:-debian}${SUFFIX:+:$SUFFIX}
COPY --from=0 /x /x
RUN --mount=type=bind,from=busybox:1,target=/t true
"""


def test_instructions_have_the_line_on_which_they_begin() -> None:
    found = [(each.line, str(each)) for each in instructions(TEXT)]
    assert found[:5] == [
        (2, "ARG VERSION=22 BASE=node"),
        (4, "FROM ${BASE}:$VERSION AS deps"),
        (5, "RUN npm ci --omit=dev"),
        (10, "RUN <<EOF"),
        (13, "FROM deps"),
    ]
    windows = "# escape=`\nRUN a `\n  b\\\nCMD c"
    assert [(each.line, str(each)) for each in instructions(windows)] == [(2, "RUN a b\\"), (4, "CMD c")]


@pytest.mark.parametrize(
    ("args", "first"),
    [({}, "docker.io/library/node:22"), ({"VERSION": "20", "OTHER": "no"}, "docker.io/library/node:20")],
)
def test_base_images_are_those_of_stages_and_copies(args: dict[str, str], first: str) -> None:
    others = [f"docker.io/library/{name}" for name in ("busybox:1", "debian:latest", "nginx:1.27")]
    assert bases(TEXT, args) == tuple(sorted([first, *others]))


def test_a_base_that_cannot_be_known_is_left_out() -> None:
    assert bases("ARG X\nFROM $X\nFROM UPPER/x:y:z", {}) == ()
