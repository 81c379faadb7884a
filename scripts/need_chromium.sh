#!/usr/bin/env bash
# Makes sure that Chromium is on this machine, for the tests that look at Airflow's pages as people do.
set -euo pipefail

if command -v chromium >/dev/null; then
  exit 0
fi
if [[ $(id -u) -ne 0 ]] || ! command -v apt-get >/dev/null; then
  echo "The tests of Airflow's pages need the browser Chromium. Install it (Debian's package: chromium)." >&2
  exit 1
fi
echo "Installing Chromium for the tests of Airflow's pages ..." >&2
export DEBIAN_FRONTEND=noninteractive
apt-get install --quiet --quiet --yes --no-install-recommends chromium >/dev/null 2>&1 || {
  apt-get update --quiet --quiet
  apt-get install --quiet --quiet --yes --no-install-recommends chromium >/dev/null
}
