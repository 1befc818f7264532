#!/usr/bin/env bash
# The browser tests drive a real Chromium. Finds it, or installs Debian's where that is possible, or says how.
set -euo pipefail

find_chromium() { command -v "${CHROMIUM_PATH:-chromium}" || command -v chromium-browser || command -v google-chrome; }

if ! find_chromium >/dev/null; then
  if [ "$(id -u)" = 0 ] && command -v apt-get >/dev/null; then
    echo 'installing chromium from Debian for the browser tests ...'
    apt-get update -qq && DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends chromium >/dev/null
  fi
fi
find_chromium >/dev/null || {
  echo 'The browser tests need Chromium: run "sudo apt-get install chromium", or set CHROMIUM_PATH to its binary.' >&2
  exit 1
}
