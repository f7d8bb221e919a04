# Makes the two roles and the database, once, as PostgreSQL's superuser; that one serves for nothing else afterwards.
# PostgreSQL's image runs it on an empty data folder (docker-compose.yml, « database_roles »). Elsewhere, as « postgres »:
#   OWNER_PASSWORD_FILE=… APP_PASSWORD_FILE=… sh deploy/database_roles.sh
# The owner of the tables is no superuser. The role of web and worker owns nothing: `migrate` gives it its rights.
# No `exit`: PostgreSQL's image sources this file. A password that cannot be read must never be an empty one.
[ -r "$OWNER_PASSWORD_FILE" ] && [ -r "$APP_PASSWORD_FILE" ] || { echo "database_roles: a file of passwords cannot be read" >&2; false; } \
  && psql --no-psqlrc --quiet --set=ON_ERROR_STOP=1 --username="${POSTGRES_USER:-postgres}" --dbname=postgres <<'SQL'
\set owner `cat "$OWNER_PASSWORD_FILE"`
\set app `cat "$APP_PASSWORD_FILE"`
CREATE ROLE marketplace_owner LOGIN NOSUPERUSER NOCREATEDB NOCREATEROLE PASSWORD :'owner';
CREATE ROLE marketplace_app LOGIN NOSUPERUSER NOCREATEDB NOCREATEROLE PASSWORD :'app';
CREATE DATABASE marketplace OWNER marketplace_owner TEMPLATE template0 ENCODING 'UTF8' LOCALE 'C.UTF-8';
REVOKE ALL ON DATABASE marketplace FROM PUBLIC;
GRANT CONNECT ON DATABASE marketplace TO marketplace_app;
SQL
