#!/bin/sh
# Starts a program in its container. Where it begins as root, as with docker-compose.yml, it goes on as the
# owner of the folders that are mounted from the host, so that what it writes there is theirs, and without
# any capability. (Where the owner is root, as with rootless Docker, it stays root, without capabilities too.)
set -eu

# docker-compose.yml names its own database, but .env may name another one by its address
if [ -n "${DATABASE_URL:-}${DATABASE_URL_FILE:-}" ] && [ "${MYSQL_HOST:-}" = database ]; then
  unset MYSQL_HOST
fi

if [ "$(id -u)" = 0 ]; then
  for folder in backups rejects; do
    [ -d "/app/$folder" ] || continue
    owner=$(stat -c %u "/app/$folder") group=$(stat -c %g "/app/$folder")
    [ "$owner" = 0 ] || break
  done
  export HOME=/nonexistent
  set -- setpriv --reuid "$owner" --regid "$group" --clear-groups --inh-caps=-all --bounding-set=-all "$@"
fi
exec "$@"
