#!/usr/bin/env bash
# Makes sure that a Redis server is on this machine, for the tests with several workers. Starts none.
set -euo pipefail

if command -v redis-server >/dev/null; then
  exit 0
fi
if [[ $(id -u) -ne 0 ]] || ! command -v apt-get >/dev/null; then
  echo "The tests with several workers need Redis. Install its server (Debian's package: redis-server)." >&2
  exit 1
fi
echo "Installing Redis for the tests with several workers ..." >&2
# Its service, which the package would start, is not wanted.
policy=/usr/sbin/policy-rc.d
if [[ ! -e $policy ]]; then
  printf '#!/bin/sh\nexit 101\n' >$policy
  chmod 755 $policy
  trap 'rm -f "$policy"' EXIT
fi
export DEBIAN_FRONTEND=noninteractive
apt-get install --quiet --quiet --yes --no-install-recommends redis-server >/dev/null 2>&1 || {
  apt-get update --quiet --quiet
  apt-get install --quiet --quiet --yes --no-install-recommends redis-server >/dev/null
}
