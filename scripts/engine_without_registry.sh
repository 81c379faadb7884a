#!/usr/bin/env bash
# Runs a command with a container engine and stand-ins for the images that docker-compose.yaml takes from a registry, on
# a Debian machine that reaches Debian's packages and PyPI, but no registry:
#
#   sudo scripts/engine_without_registry.sh make compose-test
#
# The engine is Podman with its Docker-compatible interface, the stand-ins are one Debian system made by debootstrap,
# with Debian's Python, PostgreSQL and Redis. What that does not show: whether the official images themselves do.
#
# Everything is kept in ENGINE_DIRECTORY (default: /var/tmp/okta-mi-engine) for the next time; nothing runs when it ends.
# Containers, while they are built and later, see the machine's certificates and settings of pip, and the paths named in
# ENGINE_PATHS (separated by blanks), such as a directory of wheels that pip's settings point to.
set -euo pipefail

PACKAGES=(podman buildah runc catatonit netavark aardvark-dns iptables debootstrap docker-compose)
DIRECTORY=${ENGINE_DIRECTORY:-/var/tmp/okta-mi-engine}
STAND_IN=localhost/stand-in
SOCKET=unix://$DIRECTORY/podman.sock

complain() {
  echo "engine_without_registry: $*" >&2
  exit 2
}

check() {
  [[ $# -gt 0 ]] || complain "say which command to run, such as: make compose-test"
  [[ $(id -u) -eq 0 ]] || complain "must be run as root: debootstrap and the networks of containers need it"
  local program
  for program in podman buildah runc catatonit iptables debootstrap docker-compose; do
    command -v "$program" >/dev/null || [[ -x /usr/libexec/podman/$program ]] ||
      complain "$program is missing: apt-get install --no-install-recommends ${PACKAGES[*]}"
  done
}

# Read-only mounts of all containers, as the items of a list in containers.conf.
volumes() {
  local path
  for path in /etc/ssl/certs /etc/pip.conf /etc/xdg/pip ~root/.config/pip ${ENGINE_PATHS:-}; do
    [[ ! -e $path ]] || printf '"%s:%s:ro", ' "$path" "$path"
  done
}

configure() {
  mkdir -p "$DIRECTORY"
  # Limits as high as the machine allows, not as Podman wishes; crun and systemd's cgroups need more of it than runc.
  cat >"$DIRECTORY/containers.conf" <<END
[containers]
default_ulimits = ["nofile=16384:16384", "nproc=4096:4096"]
volumes = [$(volumes)]
[engine]
runtime = "runc"
cgroup_manager = "cgroupfs"
events_logger = "file"
[network]
network_backend = "netavark"
END
  cat >"$DIRECTORY/storage.conf" <<END
[storage]
driver = "overlay"
graphroot = "$DIRECTORY/storage"
runroot = "$DIRECTORY/run"
END
  export CONTAINERS_CONF=$DIRECTORY/containers.conf CONTAINERS_STORAGE_CONF=$DIRECTORY/storage.conf
}

make_stand_ins() {
  podman image exists "$STAND_IN/debian" || {
    echo "Making a Debian system for the stand-ins ..." >&2
    rm -rf "$DIRECTORY/debian"
    # shellcheck disable=SC1091
    debootstrap --variant=minbase \
      --include=ca-certificates,python3,python3-venv,python3-pip,postgresql,redis-server,procps \
      "$(. /etc/os-release && echo "$VERSION_CODENAME")" "$DIRECTORY/debian" >"$DIRECTORY/debootstrap.log"
    tar -C "$DIRECTORY/debian" -c . | podman import --quiet - "$STAND_IN/debian" >/dev/null
    rm -rf "$DIRECTORY/debian"
  }
  mkdir -p "$DIRECTORY/postgres"
  # As the official image: user, password and database from the environment, data made at the first start.
  cat >"$DIRECTORY/postgres/start.sh" <<'END'
#!/bin/bash
set -euo pipefail
PATH=$(echo /usr/lib/postgresql/*/bin):$PATH
data=/var/lib/postgresql/data
if [[ ! -e $data/PG_VERSION ]]; then
  initdb --pgdata "$data" --username "$POSTGRES_USER" --pwfile <(printf '%s' "$POSTGRES_PASSWORD") \
    --auth scram-sha-256 --encoding UTF8 --locale C.UTF-8
  echo "host all all all scram-sha-256" >>"$data/pg_hba.conf"
  echo "CREATE DATABASE \"$POSTGRES_DB\"" | postgres --single -D "$data" postgres
fi
exec postgres -D "$data" -c listen_addresses='*' -c unix_socket_directories=/tmp
END
  cat >"$DIRECTORY/postgres/Dockerfile" <<END
FROM $STAND_IN/debian
COPY --chmod=0755 start.sh /start.sh
RUN install --directory --owner postgres --group postgres --mode 0700 /var/lib/postgresql/data \\
 && ln --symbolic /usr/lib/postgresql/*/bin/pg_isready /usr/local/bin/pg_isready
VOLUME /var/lib/postgresql/data
USER postgres
CMD ["/start.sh"]
END
  podman build --quiet --tag "$STAND_IN/postgres" "$DIRECTORY/postgres" >/dev/null
}

# Podman leaves it to systemd to run them, and there may be none. A lock for each container, held for its interval, makes
# every check come as often as it should.
run_healthchecks() {
  mkdir -p "$DIRECTORY/locks"
  while sleep 2; do
    for container in $(podman ps --quiet); do
      check_health "$container" 9>"$DIRECTORY/locks/$container" </dev/null &>/dev/null &
    done
  done
}

check_health() {
  flock --nonblock 9 || return 0
  timeout --foreground 60 podman healthcheck run "$1" || true
  sleep "$(podman inspect --format '{{.Config.Healthcheck.Interval.Seconds}}' "$1")"
}

end_all() {
  kill -- "-$healthchecks" 2>/dev/null || true
  podman rm --all --force --time 10 >/dev/null || true
  kill -- "-$service" 2>/dev/null || true
  wait
  # A check that was under way when its container went leaves its monitor behind.
  pkill -KILL --full "conmon .*$DIRECTORY/storage/" || true
}

check "$@"
configure
make_stand_ins
# A group of its own each, so that they end with all they have started.
set -m
podman system service --time=0 "$SOCKET" &>"$DIRECTORY/service.log" &
service=$!
run_healthchecks &
healthchecks=$!
set +m
trap end_all EXIT
for _ in {1..50}; do
  [[ -S $DIRECTORY/podman.sock ]] && break
  sleep 0.2
done
export DOCKER_HOST=$SOCKET COMPOSE=${COMPOSE:-docker-compose}
export PYTHON_IMAGE_NAME=$STAND_IN/debian REDIS_IMAGE_NAME=$STAND_IN/debian POSTGRES_IMAGE_NAME=$STAND_IN/postgres
"$@"
