# Shared by the scripts in this folder. Each of them installs one real server into the cache and runs any
# number of copies of it, all on 127.0.0.1, each with its data in a folder of its own:
#
#   mlflow install             once per machine; under a second when nothing is to do
#   mlflow start DIR PORT      start a copy, wait until it answers, print what a client needs as key=value lines
#   mlflow stop DIR            end it; its data stays, so that `start DIR PORT` continues where it was
#
# A script sets TITLE and defines peer_install, peer_present, peer_start and hands over to `peer "$@"`. HEAVY=1 says that
# a start keeps a core busy for long: of those no more start at a time than there are cores, whoever starts them.
# Needs bash and python3, and root where Debian packages are missing. Nothing here downloads except `install`.
set -euo pipefail

HERE=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
NAME=$(basename "$0")
CLAUSE9_CACHE=${CLAUSE9_CACHE:-$HOME/.cache/clause9}
PEERS=$CLAUSE9_CACHE/peers
LOGS=$CLAUSE9_CACHE/log
STILL=180         # seconds in which a starting server neither uses a processor nor writes a line: then it is stuck
START_LIMIT=3600  # seconds for a start at most; Python servers import for half a minute on a busy machine

# With this set Python throws away the byte code it compiles, and every start compiles thousands of modules again.
unset PYTHONDONTWRITEBYTECODE
# A proxy for the package registries has no business between a test and 127.0.0.1.
export no_proxy=127.0.0.1,localhost NO_PROXY=127.0.0.1,localhost

say() { printf '%s\n' "$*" >&2; }
die() { say "$NAME: $*"; exit 1; }

# --- install -------------------------------------------------------------------------------------------------

# What is installed answers to the pins and to the recipe as they are now; change either and `install` runs again.
install_key() {
  {
    declare -f peer_install
    find "$HERE/locks/$NAME.txt" "$HERE/locks/$NAME" "$HERE/seed/$NAME.rb" -type f -print0 2>/dev/null | sort -z | xargs -0 -r cat || true
  } | sha256sum | cut -c1-16
}
is_installed() { [[ -f $PEERS/$NAME.installed && $(<"$PEERS/$NAME.installed") == "$(install_key)" ]] && peer_present; }

install_peer() {
  is_installed && return
  mkdir -p "$PEERS" "$LOGS"
  exec 9>"$PEERS/$NAME.lock"
  flock 9 # a second caller waits here, then finds the work done
  is_installed && return
  local log=$LOGS/install-$NAME.log began=$SECONDS status
  say "installing $TITLE ..."
  # Not `if ( ... )`: a condition would switch `set -e` off inside.
  set +e
  (set -e; peer_install) >"$log" 2>&1 9>&-
  status=$?
  set -e
  if ((status != 0)); then
    say "installing $TITLE failed. The end of $log:"
    tail -n 25 "$log" >&2
    exit 1
  fi
  install_key >"$PEERS/$NAME.installed"
  say "installed $TITLE in $((SECONDS - began)) s"
}

# apt_run WHAT... : apt-get for one caller at a time, with package lists fetched when there are none.
apt_run() {
  ((EUID == 0)) || die "needs Debian packages: run as root, or run this yourself: apt-get $*"
  (
    flock 8
    compgen -G '/var/lib/apt/lists/*_Packages*' >/dev/null || apt-get -qq update
    DEBIAN_FRONTEND=noninteractive apt-get -qq -o DPkg::Lock::Timeout=300 "$@" 8>&-
  ) 8>"$PEERS/apt.lock"
}
apt_install() { apt_run install -y --no-install-recommends "$@"; }

# apt_unpack FOLDER PACKAGE... : the packages' files in a folder of ours. Nothing is configured and no service starts.
apt_unpack() {
  local folder=$1 package download
  shift
  mkdir -p "$folder"
  download=$(mktemp -d)
  (cd "$download" && apt_run -o APT::Sandbox::User=root download "$@")
  for package in "$download"/*.deb; do dpkg-deb -x "$package" "$folder"; done
  rm -r "$download"
}

# apt_depends PACKAGE PATTERN : installs what the package depends on, but for what the pattern matches.
apt_depends() {
  local needs
  needs=$(apt-cache show --no-all-versions "$1" | sed -n 's/^\(Pre-\)\?Depends: //p' | sed 's/, */\n/g' | grep -vE "$2" | paste -sd,)
  apt_run satisfy -y --no-install-recommends "$needs"
}

# python_env : $PEERS/$NAME becomes a virtual environment with what locks/$NAME.txt pins, and nothing else.
# By uv: pip needs minutes where uv needs seconds.
python_env() {
  local uv=$PEERS/uv/bin/uv python
  export UV_CACHE_DIR=$PEERS/uv-cache UV_HTTP_TIMEOUT=180 UV_PYTHON_DOWNLOADS=never
  (
    flock 7
    [[ -x $uv ]] && exit
    # Debian keeps the module that makes virtual environments in a package of its own.
    python3 -c 'import ensurepip' 2>/dev/null || apt_install python3-venv
    python3 -m venv "$PEERS/uv"
    "$PEERS/uv/bin/pip" install -q -r "$HERE/locks/uv.txt"
  ) 7>"$PEERS/uv.lock"
  python=$(python3 -c 'import sys; print(sys.executable)')
  rm -rf "${PEERS:?}/$NAME"
  "$uv" venv -q --python "$python" "$PEERS/$NAME"
  "$uv" pip install -q --python "$PEERS/$NAME/bin/python" --no-deps -r "$HERE/locks/$NAME.txt"
}

# --- start and stop ------------------------------------------------------------------------------------------

# free_port : one that no outgoing connection is given meanwhile (those are above 32767), and nobody else for an hour; see tests/support/ports.rs.
free_port() {
  python3 - <<'PY'
import os, random, socket, tempfile, time

claims = os.path.join(tempfile.gettempdir(), "clause9-ports")
os.makedirs(claims, exist_ok=True)
for port in random.sample(range(18000, 32000), 14000):
    claim = os.path.join(claims, str(port))
    try:
        if os.path.exists(claim) and time.time() - os.path.getmtime(claim) > 3600:
            os.rmdir(claim)
        os.mkdir(claim)
        with socket.socket() as s:
            s.bind(("127.0.0.1", port))
        break
    except OSError:
        pass
print(port)
PY
}

# take_turn : until fewer others start than there are cores. Held by a lock until this script ends, however it ends.
take_turn() {
  local i cores
  cores=$(nproc)
  while :; do
    for ((i = 0; i < cores; i++)); do
      exec 6>"$PEERS/start.$i.lock"
      if flock -n 6; then return; fi
    done
    sleep 0.2
  done
}

# A process id is reused some day; together with the moment of birth it is not.
born() {
  local stat
  { stat=$(<"/proc/$1/stat"); } 2>/dev/null || return
  set -- ${stat##*) } # the fields after the command's name, which may hold spaces
  echo "${20}"
}

# spawn ROLE COMMAND... : in the background, in a process group of its own; ROLE.pid and ROLE.log in $DIR.
spawn() {
  local role=$1 pid
  shift
  setsid "$@" >>"$DIR/$role.log" 2>&1 </dev/null 6>&- & # without the turn, which ends with the start
  pid=$!
  disown
  echo "$pid $(born "$pid" || true)" >"$DIR/$role.pid"
  watch_owner
}

# members SID : the processes of a session. A server's children may make process groups of their own, but no sessions.
members() {
  local stat pid
  for stat in /proc/[0-9]*/stat; do
    { stat=$(<"$stat"); } 2>/dev/null || continue
    pid=${stat%% *}
    set -- "$1" ${stat##*) }
    # A process that ended meanwhile leaves nothing to read.
    [[ ${5:-} != "$1" || ${2:-} == Z ]] || echo "$pid"
  done
}

# stop_role PID-FILE : TERM to the process group, KILL to what is left after ten seconds, back when all of it is gone.
stop_role() {
  local file=$1 pid birth now i left
  read -r pid birth <"$file" || true
  now=$(born "$pid" || true)
  # Another birth: that process is someone else's. None: the leader is gone, and what is left still bears its number.
  if [[ -n $pid && (-z $now || $now == "$birth") ]]; then
    kill -TERM -- "-$pid" 2>/dev/null || true
    for ((i = 0; i < 100; i++)); do [[ -n $(members "$pid") ]] || break; sleep 0.1; done
    while left=$(members "$pid") && [[ -n $left ]]; do
      kill -KILL $left 2>/dev/null || true
      sleep 0.1
    done
  fi
  rm -f "$file"
}

stop_all() {
  local file
  for file in "$DIR"/*.pid; do [[ -e $file ]] && stop_role "$file" & done
  wait
}

# await ROLE URL : until the URL answers with a status below 500, or until the port of a tcp://HOST:PORT takes connections.
# A server that died is not waited for, nor one that stands still; a slow machine is waited for.
await() {
  local role=$1 url=$2 pid
  read -r pid _ <"$DIR/$role.pid"
  python3 - "$url" "$pid" "$DIR/$role.log" "$STILL" "$START_LIMIT" <<'PY' && return
import os, socket, sys, time, urllib.error, urllib.parse, urllib.request

def answers(url):
    try:
        if url.startswith("tcp:"):
            where = urllib.parse.urlsplit(url)
            socket.create_connection((where.hostname, where.port), timeout=5).close()
        else:
            urllib.request.urlopen(url, timeout=5).close()
        return True
    except urllib.error.HTTPError as answer:
        return answer.code < 500
    except OSError:
        return False

def progress(session, log):
    """What the session's processes have used of the processors, and how much the server has written."""
    used = 0
    for process in filter(str.isdigit, os.listdir("/proc")):
        try:
            with open(f"/proc/{process}/stat") as stat:
                fields = stat.read().rpartition(") ")[2].split()
        except OSError:
            continue  # ended meanwhile
        if fields[3] == session:
            used += sum(map(int, fields[11:15]))  # with the children that it has waited for
    return used, os.path.getsize(log)

url, pid, log = sys.argv[1:4]
still, limit = map(float, sys.argv[4:])
began = changed = time.monotonic()
last = None
while not answers(url):
    if not os.path.exists(f"/proc/{pid}"):
        sys.exit(f"the server ended before {url} answered")
    now = time.monotonic()
    if (current := progress(pid, log)) != last:
        last, changed = current, now
    if now - changed > still:
        sys.exit(f"no answer from {url}: after {changed - began:.0f} s the server did nothing any more, for {still:.0f} s")
    if now - began > limit:
        sys.exit(f"no answer from {url} in {limit:.0f} s, in which the server went on and on")
    time.sleep(0.2)
PY
  show_state
  stop_all
  exit 1
}

# show_state : what the copy was doing, for people.
show_state() {
  local file pid
  for file in "$DIR"/*.pid; do
    [[ -e $file ]] || continue
    read -r pid _ <"$file" || continue
    say "the processes of $(basename "$file" .pid):"
    ps -s "$pid" -o pid,stat,etime,time,rss,args --width 150 >&2 || say "none"
  done
  for file in "$DIR"/*.log; do
    [[ -e $file ]] || continue
    say "the end of $file:"
    tail -n 15 "$file" >&2
  done
}

# With CLAUSE9_PEER_OWNER=PID the copy ends with that process, however it ends: an interrupted test run leaves nothing.
# From the first process on, since `start` itself may be interrupted.
watched=''
watch_owner() {
  [[ -n ${CLAUSE9_PEER_OWNER:-} && -z $watched ]] || return 0
  watched=1
  setsid "$0" watch "$DIR" "$CLAUSE9_PEER_OWNER" >/dev/null 2>&1 </dev/null 6>&- &
  disown
}
watch_loop() {
  local owner=$1 birth
  birth=$(born "$owner" || true)
  while compgen -G "$DIR/*.pid" >/dev/null; do
    [[ -n $birth && $(born "$owner" || true) == "$birth" ]] || { stop_all; break; }
    sleep 1
  done
}

# --- the command line ----------------------------------------------------------------------------------------

usage() { die "usage: $NAME install | start DIR PORT | stop DIR"; }

peer() {
  local command=${1:-}
  [[ -n $command ]] && shift
  case $command:$# in
    install:0) install_peer ;;
    start:2)
      is_installed || die "not installed: run $0 install"
      [[ $2 =~ ^[0-9]+$ ]] || die "start DIR PORT: '$2' is not a port"
      mkdir -p "$1"
      DIR=$(cd "$1" && pwd) PORT=$2
      ! compgen -G "$DIR/*.pid" >/dev/null || die "$DIR has a copy running: stop it first, or give another folder"
      if [[ -n ${HEAVY:-} ]]; then take_turn; fi
      peer_start
      ;;
    stop:1)
      [[ -d $1 ]] || die "stop DIR: no folder $1"
      DIR=$(cd "$1" && pwd)
      stop_all
      ;;
    watch:2) # not for users: what watch_owner runs
      DIR=$1
      watch_loop "$2"
      ;;
    *) usage ;;
  esac
}
