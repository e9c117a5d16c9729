#!/usr/bin/env bash
# Installs Debian's chromium, where that can be done; the tests say what is missing where it cannot.
set -euo pipefail
as_root=""
if [ "$(id -u)" -ne 0 ]; then
  command -v sudo >/dev/null || { echo "The tests of the page need chromium: install it, or set CHROMIUM."; exit 0; }
  as_root="sudo"
fi
command -v apt-get >/dev/null || { echo "The tests of the page need chromium: install it, or set CHROMIUM."; exit 0; }
$as_root apt-get update -qq
$as_root env DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends chromium fonts-dejavu-core >/dev/null
