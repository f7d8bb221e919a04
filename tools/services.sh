#!/bin/sh
# Installs, from Debian's own packages, what the complete test run needs: PostgreSQL, Redis, Chromium, gettext, the
# antivirus (without any signature: tests have one of their own) and the fonts of the pages. Starts nothing: tools/test.py starts private servers on free ports. Does nothing when all is there.
set -eu

missing=""
need() { missing="$missing $1"; }

ls /usr/lib/postgresql/*/bin/initdb >/dev/null 2>&1 || command -v initdb >/dev/null 2>&1 || need postgresql
command -v redis-server >/dev/null 2>&1 || need redis-server
command -v chromium >/dev/null 2>&1 || need chromium
[ -x /usr/sbin/clamd ] || command -v clamd >/dev/null 2>&1 || need clamav-daemon
command -v xgettext >/dev/null 2>&1 || need gettext
if command -v dpkg-query >/dev/null 2>&1; then
  for font in fonts-roboto fonts-open-sans; do
    dpkg-query -W -f '${Status}' "$font" 2>/dev/null | grep -q 'ok installed' || need "$font"
  done
fi

if [ -z "$missing" ]; then
  echo "services: PostgreSQL, Redis, Chromium, gettext, clamd and fonts are already installed"
  exit 0
fi
if ! command -v apt-get >/dev/null 2>&1; then
  echo "services: this script knows Debian and Ubuntu only; install by hand:$missing" >&2
  exit 1
fi
sudo=""
if [ "$(id -u)" -ne 0 ]; then
  command -v sudo >/dev/null 2>&1 || { echo "services: run as root, or install sudo, to install:$missing" >&2; exit 1; }
  sudo="sudo"
fi

echo "services: installing with apt-get:$missing"
# Not every shell lets a variable assignment through sudo, hence env.
$sudo env DEBIAN_FRONTEND=noninteractive apt-get update -qq </dev/null
# freshclam comes with clamd, and would download some 300 MB of signatures by itself.
case "$missing" in *clamav-daemon*)
  if command -v systemctl >/dev/null 2>&1; then
    $sudo systemctl mask clamav-freshclam.service clamav-daemon.service clamav-daemon.socket >/dev/null 2>&1 || true
  fi ;;
esac
# shellcheck disable=SC2086  # a list of package names, split on purpose
$sudo env DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends $missing </dev/null
echo "services: installed:$missing"
