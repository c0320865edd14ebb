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
  # A folder that is not mounted is the image's own: it is asked only where none is
  mounted=$(for folder in backups rejects; do mountpoint -q "/app/$folder" && echo "/app/$folder"; done) || true
  for folder in ${mounted:-/app/rejects}; do
    owner=$(stat -c %u "$folder") group=$(stat -c %g "$folder")
    [ "$owner" = 0 ] || break
  done
  export HOME=/nonexistent
  set -- setpriv --reuid "$owner" --regid "$group" --clear-groups --inh-caps=-all --bounding-set=-all "$@"
fi
exec "$@"
