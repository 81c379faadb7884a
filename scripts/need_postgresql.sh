#!/usr/bin/env bash
# Makes sure that the programs of a PostgreSQL server are on this machine, for the tests of the store. Starts none.
set -euo pipefail

if command -v initdb >/dev/null || compgen -G '/usr/lib/postgresql/*/bin/initdb' >/dev/null; then
  exit 0
fi
if [[ $(id -u) -ne 0 ]] || ! command -v apt-get >/dev/null; then
  echo "The tests of the store need PostgreSQL's server programs. Install them (Debian's package: postgresql)." >&2
  exit 1
fi
echo "Installing PostgreSQL's server programs for the tests of the store ..." >&2
# Its own cluster, which the package would start, is not wanted.
mkdir -p /etc/postgresql-common
grep -qs '^create_main_cluster' /etc/postgresql-common/createcluster.conf ||
  echo 'create_main_cluster = false' >>/etc/postgresql-common/createcluster.conf
export DEBIAN_FRONTEND=noninteractive
apt-get install --quiet --quiet --yes --no-install-recommends postgresql >/dev/null 2>&1 || {
  apt-get update --quiet --quiet
  apt-get install --quiet --quiet --yes --no-install-recommends postgresql >/dev/null
}
