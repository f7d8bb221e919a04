# One image for web, worker, beat and the one-shot commands (migrate, create_admin): only the command differs.

FROM python:3.12-slim-bookworm AS build
WORKDIR /build
COPY pyproject.toml requirements.lock deploy/runtime.sh ./
RUN sh runtime.sh /opt/venv
WORKDIR /opt/app
COPY . .
ENV PATH=/opt/venv/bin:$PATH VAR_DIR=/srv/var
RUN if ls locale/*/LC_MESSAGES/*.po > /dev/null 2>&1; then pybabel compile -d locale -D django; fi
# Production settings give static files their hashed names. The values below serve this step only: nothing is contacted,
# and its two keys are made for it and erased in the same layer.
RUN export SEAL_KEY_FILE=/tmp/build/seal.key SIGNING_KEY_FILE=/tmp/build/signing.pem \
 && python manage.py create_keys > /dev/null \
 && PRODUCTION=true BASE_URL=https://build.invalid ALLOWED_HOSTS=build.invalid OCDS_PREFIX=ocds-build0 \
    SECRET_KEY=only-for-collectstatic-only-for-collectstatic-only-for-collectstatic \
    DATABASE_URL=postgres://build.invalid/build EMAIL_URL=smtp://build.invalid \
    DEFAULT_FROM_EMAIL=build@example.org CONTACT_EMAIL=build@example.org \
    python manage.py collectstatic --noinput --verbosity 0 \
 && rm -r /tmp/build
RUN python -m compileall -q /opt/app

FROM python:3.12-slim-bookworm
# pg_dump and pg_restore for `manage.py backup` and `restore`, of the server's own major version: an older one refuses.
RUN apt-get update -qq \
 && apt-get install -y -qq --no-install-recommends postgresql-common ca-certificates \
 && /usr/share/postgresql-common/pgdg/apt.postgresql.org.sh -y \
 && apt-get install -y -qq --no-install-recommends postgresql-client-16 \
 && rm -rf /var/lib/apt/lists/*
# PORT: gunicorn listens on every address of the container instead of its loopback (gunicorn.conf.py).
ENV PATH=/opt/venv/bin:$PATH \
    PYTHONUNBUFFERED=1 \
    PYTHONDONTWRITEBYTECODE=1 \
    PRODUCTION=true \
    PORT=8000 \
    VAR_DIR=/srv/var \
    MEDIA_ROOT=/srv/media
# A fixed number, so that the owner of volumes and of key files can be set from outside. No home, nothing of /opt nor of
# /srv/var can be written: whatever needs a file of its own uses /tmp.
RUN groupadd --gid 10001 app \
 && useradd --uid 10001 --gid app --no-create-home --home-dir /nonexistent --shell /usr/sbin/nologin app \
 && install -d -o app -g app -m 0700 /srv/media
COPY --from=build /opt/venv /opt/venv
COPY --from=build /opt/app /opt/app
COPY --from=build /srv/var /srv/var
WORKDIR /opt/app
USER app
EXPOSE 8000
HEALTHCHECK --interval=15s --timeout=5s --start-period=30s --retries=3 \
  CMD ["python", "-c", "import os, urllib.request as r; r.urlopen(f'http://127.0.0.1:{os.environ[\"PORT\"]}/sante', timeout=4)"]
# How it serves is in gunicorn.conf.py, as without containers.
CMD ["gunicorn", "marketplace.wsgi"]
