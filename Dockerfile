# deployer for CI runners, and for machines without Python: docker build -t deployer .
FROM python:3.13-slim AS build
WORKDIR /source
COPY pyproject.toml README.md LICENSE ./
COPY deployer deployer
# With a package index of your own: docker build --secret id=pip.conf,src=$HOME/.config/pip/pip.conf …
RUN --mount=type=secret,id=pip.conf,target=/etc/pip.conf \
    python3 -m venv --without-pip /opt/deployer \
    && python3 -m pip --python /opt/deployer install --no-cache-dir .

FROM python:3.13-slim
COPY --from=build /opt/deployer /opt/deployer
# Any user may run it: docker run --user "$(id -u)" …
RUN mkdir -m 1777 /home/deployer /work
ENV PATH=/opt/deployer/bin:$PATH HOME=/home/deployer
WORKDIR /work
# Ctrl-C: the running steps are finished, then it stops and reports.
STOPSIGNAL SIGINT
ENTRYPOINT ["deployer"]
CMD ["--help"]
