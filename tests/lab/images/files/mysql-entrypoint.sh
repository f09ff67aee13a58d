#!/bin/sh
# MariaDB with the environment of the image mysql: at the first start, the database and its user are created.
set -e
[ "$1" = mysqld ] || exec "$@"
mkdir -p /run/mysqld
chown mysql:mysql /run/mysqld /var/lib/mysql
if [ ! -d /var/lib/mysql/mysql ]; then
    mariadb-install-db --user=mysql --skip-test-db --auth-root-authentication-method=normal >/dev/null
    umask 077
    cat > /run/mysqld/first.sql <<SQL
ALTER USER root@localhost IDENTIFIED BY '$MYSQL_ROOT_PASSWORD';
CREATE DATABASE $MYSQL_DATABASE;
CREATE USER $MYSQL_USER@'%' IDENTIFIED BY '$MYSQL_PASSWORD';
GRANT ALL ON $MYSQL_DATABASE.* TO $MYSQL_USER@'%';
SQL
    chown mysql /run/mysqld/first.sql
    set -- "$@" --init-file=/run/mysqld/first.sql
fi
shift
exec mariadbd --user=mysql --bind-address=0.0.0.0 "$@"
