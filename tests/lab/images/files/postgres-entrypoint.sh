#!/bin/sh
# PostgreSQL with the environment of the image postgres: at the first start, the password is set and the database created.
set -e
[ "$1" = postgres ] || exec "$@"
as_postgres() { setpriv --reuid postgres --regid postgres --clear-groups -- "$@"; }
mkdir -p "$PGDATA" /run/postgresql
chown postgres "$PGDATA" /run/postgresql
chmod 700 "$PGDATA"
if [ ! -s "$PGDATA/PG_VERSION" ]; then
    (umask 077; printf %s "${POSTGRES_PASSWORD-$(cat "$POSTGRES_PASSWORD_FILE")}" > /run/postgresql/first)
    chown postgres /run/postgresql/first
    as_postgres initdb -D "$PGDATA" --no-sync --auth-local=trust --auth-host=scram-sha-256 --pwfile=/run/postgresql/first
    rm /run/postgresql/first
    echo "host all all all scram-sha-256" >> "$PGDATA/pg_hba.conf"
    echo "CREATE DATABASE ${POSTGRES_DB:-postgres}" | as_postgres postgres --single -D "$PGDATA" template1 > /dev/null
fi
shift
exec setpriv --reuid postgres --regid postgres --clear-groups -- postgres -D "$PGDATA" -c listen_addresses='*' "$@"
