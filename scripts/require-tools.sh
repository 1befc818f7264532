#!/usr/bin/env bash
# What the tests need beyond npm, each a real program. Finds it, or installs Debian's where that is possible, or says how.
# Usage: require-tools.sh chromium [redis-server ...]
set -euo pipefail

# the package of Debian that brings a program
package_of() {
  case "$1" in
    promtool) echo prometheus ;;
    cc) echo gcc libc6-dev ;;
    postgres) echo postgresql ;;
    systemd-analyze) echo systemd ;;
    *) echo "$1" ;;
  esac
}

has() {
  case "$1" in
    chromium) command -v "${CHROMIUM_PATH:-chromium}" || command -v chromium-browser || command -v google-chrome ;;
    pgbouncer) command -v pgbouncer || ls /usr/sbin/pgbouncer ;;
    postgres) command -v postgres || ls /usr/lib/postgresql/*/bin/postgres ;;
    *) command -v "$1" ;;
  esac >/dev/null 2>&1
}

missing=()
# a program may need several packages
for tool in "$@"; do has "$tool" || missing+=($(package_of "$tool")); done
[ ${#missing[@]} = 0 ] && exit 0

if [ "$(id -u)" = 0 ] && command -v apt-get >/dev/null; then
  echo "installing from Debian for the tests: ${missing[*]} ..."
  # a server's package must not start one: the tests start their own, on free ports
  policy=/usr/sbin/policy-rc.d
  if [ ! -e "$policy" ]; then
    trap 'rm -f "$policy"' EXIT
    printf '#!/bin/sh\nexit 101\n' >"$policy"
    chmod +x "$policy"
  fi
  apt-get update -qq
  DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends "${missing[@]}" >/dev/null
fi
for tool in "$@"; do
  has "$tool" || {
    echo "The tests need $tool: run \"sudo apt-get install $(package_of "$tool")\"." >&2
    [ "$tool" = chromium ] && echo 'Or set CHROMIUM_PATH to the binary of a Chromium or Chrome.' >&2
    exit 1
  }
done
