#!/bin/sh
# Makes every secret of an installation, once, in FOLDER; HOST is where PostgreSQL listens, as the application sees it.
#   sh deploy/secrets.sh secrets postgres:5432                      (containers, beside docker-compose.yml)
#   sh deploy/secrets.sh /opt/etc/secrets 127.0.0.1:5432      (without containers)
# Nothing is ever overwritten. What the mail server asks for cannot be invented: write it in FOLDER/email.url.
set -eu
folder=${1:?folder} host=${2:?host:port of PostgreSQL}
umask 077
mkdir -p "$folder"
chmod 0711 "$folder" # each of the owners below enters; only root lists
cd "$folder"
for name in secret.key seal.key signing.pem database-superuser.password database-owner.password database-app.password \
  database-owner.url database-app.url; do
  if [ -e "$name" ]; then
    echo "secrets: $folder/$name exists: nothing was written" >&2
    exit 1
  fi
done

random() { head -c "$1" /dev/urandom | base64 | tr -d '\n'; }
password() { random 24 | tr '+/' '-_'; } # nothing to escape in an address

random 64 > secret.key                                     # Django's SECRET_KEY
random 32 > seal.key                                       # wraps the occasions' private keys
openssl genpkey -algorithm ed25519 -out signing.pem        # signs receipts and checkpoints
for role in superuser owner app; do password > "database-$role.password"; done
for role in owner app; do
  printf 'postgresql://marketplace_%s:%s@%s/marketplace' "$role" "$(cat "database-$role.password")" "$host" > "database-$role.url"
done

# 10001 runs the application; 999 is « postgres » in PostgreSQL's image, and reads nothing else here.
chown 10001:10001 ./*.key ./*.pem ./*.url
chown 999:999 ./*.password
chmod 0400 ./*.key ./*.pem ./*.url ./*.password
echo "secrets: made in $folder; two offline copies of seal.key and signing.pem, in two places, before anything else"
