# One image for web, worker, beat and the one-shot commands (migrate, create_keys): only the command differs.

FROM python:3.12-slim AS build
WORKDIR /build
RUN python -m venv /opt/venv && /opt/venv/bin/pip install --no-cache-dir uv
COPY pyproject.toml requirements.lock ./
# The lock holds the developers' tools too. Compiling again without them over a copy of it keeps the locked versions
# and hashes, so the image gets the same verified files, minus tests, linters and browsers' drivers.
RUN cp requirements.lock runtime.lock \
 && /opt/venv/bin/uv pip compile pyproject.toml --universal --python-version 3.11 --generate-hashes \
      --no-header --no-emit-index-url --output-file runtime.lock > /dev/null \
 && /opt/venv/bin/uv pip install --no-cache --python /opt/venv/bin/python --require-hashes -r runtime.lock \
 && /opt/venv/bin/uv pip uninstall --python /opt/venv/bin/python uv
WORKDIR /app
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
 && rm -r /tmp/build \
 && python -m compileall -q /app

FROM python:3.12-slim
ENV PATH=/opt/venv/bin:$PATH \
    PYTHONUNBUFFERED=1 \
    PYTHONDONTWRITEBYTECODE=1 \
    PRODUCTION=true \
    VAR_DIR=/srv/var \
    MEDIA_ROOT=/srv/media
# A fixed number, so that the owner of volumes and of key files can be set from outside.
RUN groupadd --gid 10001 app \
 && useradd --uid 10001 --gid app --no-create-home --home-dir /nonexistent --shell /usr/sbin/nologin app \
 && install -d -o app -g app -m 0700 /srv/media
COPY --from=build /opt/venv /opt/venv
COPY --from=build /app /app
COPY --from=build /srv/var /srv/var
WORKDIR /app
USER app
EXPOSE 8000
HEALTHCHECK --interval=15s --timeout=5s --start-period=30s --retries=3 \
  CMD ["python", "-c", "import urllib.request as r; r.urlopen('http://127.0.0.1:8000/sante', timeout=4)"]
# /dev/shm: gunicorn's heartbeat file must not wait for a disk. Recycling workers bounds a leak. No access log here:
# the reverse proxy has one, and one-time links (invitation, new password) travel in paths.
CMD ["gunicorn", "marketplace.wsgi", "--bind=0.0.0.0:8000", "--workers=2", "--threads=4", "--timeout=60", \
     "--worker-tmp-dir=/dev/shm", "--max-requests=2000", "--max-requests-jitter=200"]
