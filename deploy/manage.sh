#!/bin/sh
# `manage.py` of an installation without containers, with the settings that the services have. Called as root it becomes
# the user of the services (10001), except to collect the static files, which that user must not be able to change.
#   sh deploy/manage.sh migrate --noinput        as the owner of the tables; restore too
#   sh deploy/manage.sh create_admin             and the rest, as the application
set -eu
set -a
. /opt/app/deploy/systemd/paths.env
. /opt/etc/production.env
set +a
case "${1:-}" in migrate | restore) DATABASE_URL_FILE=/opt/etc/secrets/database-owner.url ;; esac
cd /opt/app
if [ "$(id -u)" -eq 0 ] && [ "${1:-}" != collectstatic ]; then
  exec setpriv --reuid=10001 --regid=10001 --clear-groups /opt/venv/bin/python manage.py "$@"
fi
exec /opt/venv/bin/python manage.py "$@"
