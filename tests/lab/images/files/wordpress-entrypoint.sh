#!/bin/sh
# Debian's WordPress with the environment of the public image: its files are copied to the volume at the first start.
set -e
[ "$1" = apache2-foreground ] || exec "$@"
if [ ! -e /var/www/html/index.php ]; then
    cp -rL /usr/share/wordpress/. /var/www/html/
    cat > /var/www/html/wp-config.php <<'PHP'
<?php
foreach (['HOST', 'NAME', 'USER', 'PASSWORD'] as $key) {
    define("DB_$key", getenv("WORDPRESS_DB_$key"));
}
$table_prefix = 'wp_';
define('ABSPATH', __DIR__ . '/');
require_once ABSPATH . 'wp-settings.php';
PHP
    chown -R www-data:www-data /var/www/html
fi
. /etc/apache2/envvars
mkdir -p /run/lock
mkdir -p "$APACHE_RUN_DIR" "$APACHE_LOCK_DIR" "$APACHE_LOG_DIR"
ln -sf /dev/stderr "$APACHE_LOG_DIR/error.log"
exec apache2 -D FOREGROUND
