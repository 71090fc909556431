# shellcheck shell=bash
# What the scripts of this folder share. To be sourced by bash.

say() { printf '%s\n' "$*" >&2; }
die() { say "$(basename "$0"): $*"; exit 1; }

# The major version of the JDK in folder $1; nothing if there is none that compiles.
jdk_version() {
  [ -x "$1/bin/javac" ] && [ -x "$1/bin/java" ] || return 0
  local version
  version=$(sed -n 's/^JAVA_VERSION="\([0-9]*\).*/\1/p' "$1/release" 2>/dev/null)
  [ -n "$version" ] || version=$("$1/bin/javac" -version 2>&1 | sed -n 's/^javac \([0-9]*\).*/\1/p')
  printf '%s' "$version"
}

# Prints the folder of a JDK 25 or newer; fails if there is none.
find_jdk() {
  local candidate version
  for candidate in \
    "${JAVA_HOME:-}" \
    "$(command -v javac >/dev/null && dirname "$(dirname "$(readlink -f "$(command -v javac)")")")" \
    /usr/lib/jvm/* /usr/java/* /opt/jdk* /opt/java/* \
    "${HOME:-/nonexistent}"/.sdkman/candidates/java/* "${HOME:-/nonexistent}"/.jdks/* "${HOME:-/nonexistent}"/.local/share/mise/installs/java/*; do
    [ -n "$candidate" ] || continue
    version=$(jdk_version "$candidate")
    if [ -n "$version" ] && [ "$version" -ge 25 ]; then
      printf '%s' "$candidate"
      return 0
    fi
  done
  return 1
}

explain_jdk() {
  say "A JDK of version 25 or newer is needed, and none was found in JAVA_HOME, PATH, /usr/lib/jvm or SDKMAN."
  say "  Debian 13, Ubuntu 24.04 and newer:  sudo apt-get install openjdk-25-jdk-headless"
  say "  Fedora, RHEL:                       sudo dnf install java-25-openjdk-devel"
  say "  anything else:                      https://adoptium.net, then set JAVA_HOME to its folder"
}

require_jdk() {
  JAVA_HOME=$(find_jdk) || { explain_jdk; exit 1; }
  export JAVA_HOME
}

# The folder of PostgreSQL's server programs, which Debian keeps out of PATH.
postgres_programs() {
  local folder
  for folder in "$(command -v initdb >/dev/null && dirname "$(readlink -f "$(command -v initdb)")")" \
    $(printf '%s\n' /usr/lib/postgresql/*/bin /usr/pgsql-*/bin | sort -rV); do
    if [ -n "$folder" ] && [ -x "$folder/initdb" ] && [ -x "$folder/pg_dump" ]; then
      printf '%s' "$folder"
      return 0
    fi
  done
  return 1
}

has_library() { [[ $(PATH=$PATH:/sbin:/usr/sbin ldconfig -p) == *"$1 "* ]]; }

# Whether packages can be installed without asking anybody.
can_install() {
  command -v apt-get >/dev/null &&
    { [ "$(id -u)" -eq 0 ] || { command -v sudo >/dev/null && sudo -n true 2>/dev/null; }; }
}

# Whether the system's package sources, as far as they are known here, have package $1.
has_package() { command -v apt-cache >/dev/null && apt-cache show "$1" >/dev/null 2>&1; }

# install_missing "package:command" …: installs the packages whose command is missing.
# The command initdb stands for PostgreSQL's server programs; lib….so… is a library.
install_missing() {
  local wanted missing=() as_root=()
  for wanted in "$@"; do
    case ${wanted#*:} in
      initdb) postgres_programs >/dev/null || missing+=("${wanted%%:*}") ;;
      lib*.so*) has_library "${wanted#*:}" || missing+=("${wanted%%:*}") ;;
      *) command -v "${wanted#*:}" >/dev/null || missing+=("${wanted%%:*}") ;;
    esac
  done
  [ ${#missing[@]} -eq 0 ] && return 0
  if ! command -v apt-get >/dev/null; then
    die "please install with your system's package manager, then run this again: ${missing[*]}"
  fi
  if [ "$(id -u)" -ne 0 ]; then
    if command -v sudo >/dev/null && sudo -n true 2>/dev/null || { [ -t 0 ] && command -v sudo >/dev/null; }; then
      as_root=(sudo)
    else
      die "please run this line, then this script again:  sudo apt-get install -y ${missing[*]}"
    fi
  fi
  say "installing ${missing[*]} …"
  local log
  log=$(mktemp)
  if ! { "${as_root[@]}" env DEBIAN_FRONTEND=noninteractive apt-get update &&
    "${as_root[@]}" env DEBIAN_FRONTEND=noninteractive apt-get install -y --no-install-recommends "${missing[@]}"; } >"$log" 2>&1; then
    tail -n 20 "$log" >&2
    rm -f "$log"
    die "the installation failed; please run:  sudo apt-get install -y ${missing[*]}"
  fi
  rm -f "$log"
}

# Maven, unless the repository's root, where this is called, has its wrapper.
install_maven() { [ -x ./mvnw ] || install_missing maven:mvn; }

# Becomes Maven in the repository's root: the wrapper where there is one. It does not return: call
# it last, or in the background, where a signal to it then reaches Maven itself.
run_maven() {
  local maven=mvn
  [ ! -x ./mvnw ] || maven=./mvnw
  exec "$maven" -B "$@"
}

step() { printf '\n\033[1m== %s\033[0m\n' "$*"; }

# Who runs PostgreSQL, which refuses to run as root.
postgres_owner() {
  if [ "$(id -u)" -ne 0 ]; then
    id -un
  elif id postgres >/dev/null 2>&1; then
    printf 'postgres'
  else
    printf 'nobody'
  fi
}

# Runs a command as that user, in the script's folder $work.
as_owner() {
  if [ "$(id -u)" -eq 0 ]; then
    (cd "${work:?}" && runuser -u "$(postgres_owner)" -- "$@")
  else
    "$@"
  fi
}

# Ends the process $1, if there is one, and waits until it is gone: by SIGKILL after 15 s.
end() {
  local pid=$1 tries
  [ -n "$pid" ] || return 0
  kill -TERM "$pid" 2>/dev/null || return 0
  for tries in $(seq 150); do
    kill -0 "$pid" 2>/dev/null || break
    [ "$tries" -lt 150 ] || kill -KILL "$pid" 2>/dev/null || true
    sleep 0.1
  done
  wait "$pid" 2>/dev/null || true
}

# Runs a command so that a signal to this script ends it too, and not only after it. The script's
# trap ends the process $child.
attend() {
  "$@" &
  child=$!
  local code=0
  wait "$child" || code=$?
  child=
  return "$code"
}

# A port of the loopback interface where nobody listens.
free_port() {
  local port
  while :; do
    port=$((20000 + RANDOM % 12000))
    if ! (exec 3<>"/dev/tcp/127.0.0.1/$port") 2>/dev/null; then
      printf '%s' "$port"
      return
    fi
  done
}

# Builds the program in the repository's root, where this is called, unless nothing has changed.
build() {
  local stamp=deploy/target/hybrid-backup/built line last=
  # One at a time: a second build waits, and then finds everything built.
  exec 9<deploy
  attend flock 9
  if [ -f "$stamp" ] && [ -z "$(find pom.xml ./*/pom.xml ./*/src/main -type f -newer "$stamp" -print -quit)" ]; then
    echo "built already"
    exec 9<&-
    return
  fi
  echo "this takes a minute or two the first time"
  : >"$work/build.log"
  run_maven package -DskipTests -Dspotless.check.skip=true >"$work/build.log" 2>&1 9<&- &
  child=$!
  while kill -0 "$child" 2>/dev/null; do
    line=$(sed -n 's/^\[INFO\] Building \(.*\) [0-9].* \[\([0-9/]*\)\]$/\2 \1/p' "$work/build.log" | tail -n 1)
    if [ "$line" != "$last" ]; then
      last=$line
      echo "  $line"
    fi
    sleep 0.5
  done
  if ! wait "$child"; then
    child=
    grep -E '^\[ERROR\]' "$work/build.log" >&2 || tail -n 30 "$work/build.log" >&2
    die "the build failed"
  fi
  child=
  touch "$stamp"
  exec 9<&-
}

# start_standalone CONFIG LOG: all services and a broker, in the process $standalone.
start_standalone() {
  deploy/hybrid-backup standalone --config "$1" >"$2" 2>&1 &
  standalone=$!
  local tries
  for tries in $(seq 600); do
    if grep '^ready: ' "$2"; then
      return
    fi
    kill -0 "$standalone" 2>/dev/null || break
    sleep 0.1
  done
  tail -n 40 "$2" >&2
  die "standalone did not start (after $tries looks at its log)"
}

# The random key in which a dump differs from the next of the same.
without_key() { LC_ALL=C sed -E '/^\\(un)?restrict /d'; }
