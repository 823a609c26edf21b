#!/usr/bin/env bash
# A PostgreSQL of our own on loopback, for tests: `postgres.sh start FOLDER PORT` prints its URL, `postgres.sh stop FOLDER` ends it.
set -euo pipefail
folder=${2:?a folder}
bin=$(ls -d /usr/lib/postgresql/*/bin 2>/dev/null | sort -V | tail -1)
bin=${bin:-$(dirname "$(command -v pg_ctl)")}
as() { if [ "$(id -u)" = 0 ]; then runuser -u postgres -- "$@"; else "$@"; fi; }
case $1 in
start)
  port=${3:?a port}
  mkdir -p "$folder"
  [ "$(id -u)" != 0 ] || chown postgres "$folder"
  [ -s "$folder/PG_VERSION" ] || as "$bin/initdb" -D "$folder" -A trust -U postgres --no-sync >/dev/null
  as "$bin/pg_ctl" -D "$folder" -w -l "$folder/log" \
    -o "-p $port -c listen_addresses=127.0.0.1 -c unix_socket_directories='' -c fsync=off" start >/dev/null
  echo "postgresql://postgres@127.0.0.1:$port/postgres" ;;
stop) as "$bin/pg_ctl" -D "$folder" -m fast -w stop >/dev/null ;;
esac
