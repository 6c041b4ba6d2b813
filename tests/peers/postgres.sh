# Shared by postgres and by those that keep their data in PostgreSQL, after lib.sh: `postgres install` has put it there.

POSTGRES_BIN=$PEERS/postgres/usr/lib/postgresql/15/bin

# PostgreSQL refuses to run as root. The one capability lets the other user pass through root's own folders, and the
# secure bit keeps it where a program asks access(2).
AS_SERVER=()
if ((EUID == 0)); then
  AS_SERVER=(setpriv --reuid=nobody --regid=nogroup --clear-groups --securebits=+no_setuid_fixup
    --inh-caps=+dac_read_search --ambient-caps=+dac_read_search)
fi

# postgres_init DATA NAME : a new cluster with a database NAME and its owner NAME, a superuser with NAME as password.
postgres_init() {
  local data=$1 name=$2
  mkdir -p "$data"
  echo "$name" >"$data.password"
  ((EUID != 0)) || chown nobody:nogroup "$data"
  {
    "${AS_SERVER[@]}" "$POSTGRES_BIN/initdb" -D "$data" -U "$name" -A scram-sha-256 --pwfile="$data.password" -E UTF8 --locale=C.UTF-8 --no-sync
    echo "CREATE DATABASE $name" | "${AS_SERVER[@]}" "$POSTGRES_BIN/postgres" --single -D "$data" -c fsync=off postgres
  } >"$data.initdb.log" 2>&1 || { tail -n 15 "$data.initdb.log" >&2; die "initdb failed"; }
}

# postgres_start DATA PORT : as the role `postgres`, and waits until it takes connections.
postgres_start() {
  # A crash of the machine may lose a test's data; syncing it would slow every test. A client that is slow to say who it is may be.
  spawn postgres "${AS_SERVER[@]}" "$POSTGRES_BIN/postgres" -D "$1" -p "$2" \
    -c listen_addresses=127.0.0.1 -c unix_socket_directories= -c fsync=off -c authentication_timeout=600
  await postgres "tcp://127.0.0.1:$2"
}
