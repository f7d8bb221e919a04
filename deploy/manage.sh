#!/bin/sh
# `manage.py` of an installation without containers, with the settings that the services have and no other. Called as
# root it becomes the user of the services (10001), except to collect the static files, which that user must not be able
# to change. production.env is read as systemd reads it, and never evaluated (deploy/settings_of.py).
#   sh deploy/manage.sh migrate --noinput        as the owner of the tables; restore too
#   sh deploy/manage.sh create_admin             and the rest, as the application
set -eu
python=/opt/venv/bin/python
owner= become=
case "${1:-}" in migrate | restore) owner=DATABASE_URL_FILE=/opt/etc/secrets/database-owner.url ;; esac
cd /opt/app
if [ "${1:-}" != collectstatic ]; then
  umask 077 # as the units have it: an export, a backup
  if [ "$(id -u)" -eq 0 ]; then
    become="$(command -v setpriv) --reuid=10001 --regid=10001 --clear-groups"
  fi
fi
# HOME: root's cannot be read by 10001, and libpq looks there for certificates; the services have none.
# shellcheck disable=SC2086 # these two are nothing, or words of ours
exec $python -I deploy/settings_of.py /opt/app/deploy/systemd/paths.env /opt/etc/production.env -- \
  HOME=/nonexistent $owner $become $python manage.py "$@"
