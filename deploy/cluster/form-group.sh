#!/bin/bash
# Forms the group of MySQL servers, and brings back those that have left it. Runs for as long as they do.
#
# A group is begun (bootstrapped) only where there can be no other one: all three servers answer, and none is in a
# group. Then the server that has every transaction of the two others begins it, and they join. Where one has
# transactions that another lacks and the other way round, or a server is missing, nothing is begun: it says so,
# and docs/cluster.md what to do. A server alone joins a group that is there, and never begins one.
set -euo pipefail

SERVERS="db1 db2 db3"
secret() { local file=${1}_FILE; if [ -n "${!file:-}" ]; then cat "${!file}"; else printf %s "${!1}"; fi; }
MYSQL_PWD=$(secret MYSQL_ROOT_PASSWORD); export MYSQL_PWD
password=$(secret MYSQL_PASSWORD)
# The password of the account for copying has at most 32 characters, and is stored in clear text
copy_password=$(printf 'group_copy %s' "$MYSQL_PWD" | sha256sum | cut -c 1-32)
said=

say() { [ "$1" = "$said" ] || echo "$(date -u +%FT%TZ) $1"; said=$1; }
sql() { timeout 30 mysql --host="$1" --user=root --connect-timeout=3 --batch --skip-column-names --execute="$2" 2>/dev/null; }
# A text as SQL takes it
quoted() { local text=${1//\\/\\\\}; printf "'%s'" "${text//\'/\'\'}"; }

# ONLINE, RECOVERING, OFFLINE, ERROR, UNREACHABLE; empty where the server does not answer
state() {
  sql "$1" "SELECT COALESCE((SELECT member_state FROM performance_schema.replication_group_members
    WHERE member_id IN ('', @@server_uuid) LIMIT 1), 'OFFLINE')" || true
}

# All transactions that a server has, those included that it has received and not applied yet
transactions() {
  sql "$1" "SELECT CONCAT_WS(',', NULLIF(@@GLOBAL.gtid_executed, ''), (SELECT NULLIF(received_transaction_set, '')
    FROM performance_schema.replication_connection_status WHERE channel_name = 'group_replication_applier'))" | tr -d '\n '
}

# What each server needs before it joins for the first time: the account for copying, outside of the log. Until
# then it holds nothing but what it was made with, and its log is emptied: it would be foreign to the group.
prepare() {
  [ "$(sql "$1" "SELECT COUNT(*) FROM mysql.user WHERE user = 'group_copy'")" = 0 ] || return 0
  sql "$1" "RESET BINARY LOGS AND GTIDS; SET SQL_LOG_BIN = 0;
    CREATE USER group_copy@'%' IDENTIFIED BY $(quoted "$copy_password");
    GRANT REPLICATION SLAVE, CONNECTION_ADMIN, BACKUP_ADMIN, GROUP_REPLICATION_STREAM ON *.* TO group_copy@'%'"
}

join() {
  prepare "$1"
  # Whatever an earlier attempt has left: a server that joins never begins a group of its own
  sql "$1" "STOP GROUP_REPLICATION" || true
  sql "$1" "SET GLOBAL group_replication_bootstrap_group = OFF;
    SET GLOBAL group_replication_local_address = '$1:33061';
    CHANGE REPLICATION SOURCE TO SOURCE_USER = 'group_copy', SOURCE_PASSWORD = $(quoted "$copy_password")
      FOR CHANNEL 'group_replication_recovery'; START GROUP_REPLICATION" && say "$1 joins the group"
}

begin() {
  say "$1 begins the group"
  prepare "$1"
  sql "$1" "STOP GROUP_REPLICATION" || true
  sql "$1" "SET GLOBAL group_replication_local_address = '$1:33061'; SET GLOBAL group_replication_bootstrap_group = ON;
    START GROUP_REPLICATION" || true
  sql "$1" "SET GLOBAL group_replication_bootstrap_group = OFF"
}

# The database and the application's account, on the server that takes writes. The account may see who does
account() {
  local user database
  user="$(quoted "$MYSQL_USER")@'%'"; database="\`${MYSQL_DATABASE//\`/}\`"
  sql "$1" "CREATE DATABASE IF NOT EXISTS $database CHARACTER SET utf8mb4 COLLATE utf8mb4_bin;
    CREATE USER IF NOT EXISTS $user IDENTIFIED BY $(quoted "$password");
    GRANT ALL ON $database.* TO $user; GRANT SELECT ON performance_schema.replication_group_members TO $user"
}

# The server that has all transactions; "none" where there is no such server. Fails where one did not answer:
# what it did not say must not pass for nothing
foremost() {
  local one other all
  local -A sets
  for one in $SERVERS; do sets[$one]=$(transactions "$one") || return 1; done
  for one in $SERVERS; do
    all=1
    for other in $SERVERS; do
      [ "$(sql "$one" "SELECT GTID_SUBSET('${sets[$other]}', '${sets[$one]}')")" = 1 ] || all=
    done
    [ -z "$all" ] || { echo "$one"; return; }
  done
  echo none
}

FORMED=/tmp/formed  # what the container's health is asked by: there is a group, and the application's account
rm -f "$FORMED"
primary=
while :; do
  online=; out=; away=; between=
  for one in $SERVERS; do
    case $(state "$one") in
      ONLINE) online="$online $one" ;;
      OFFLINE | ERROR) out="$out $one" ;;
      '') away="$away $one" ;;
      *) between="$between $one" ;;
    esac
  done
  if [ -n "$online" ]; then
    for one in $out; do join "$one" || say "$one could not join the group: its log says why"; done
    for one in $online; do
      found=$(sql "$one" "SELECT member_host FROM performance_schema.replication_group_members
        WHERE member_role = 'PRIMARY' AND member_state = 'ONLINE'") || continue
      if [ -z "$found" ] || [ "$found" = "$primary" ]; then continue; fi
      account "$found" && primary=$found && touch "$FORMED" && say "$primary takes the writes"
    done
  elif [ -n "$away" ]; then
    say "no group is begun without$away, which cannot be reached and may know more than the others"
  elif [ -z "$between" ]; then
    primary=
    for one in $SERVERS; do prepare "$one"; done
    first=$(foremost) || { sleep 2; continue; }
    if [ "$first" = none ]; then
      say "each server has transactions that another lacks, so no group is begun: see docs/cluster.md"
    else
      begin "$first"
    fi
  fi
  sleep 2
done
