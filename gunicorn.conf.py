"""How the web process runs, in an image as under systemd: gunicorn reads this file where it is started.

It listens on 127.0.0.1:8000, or on every address where PORT is set (gunicorn's own rule): the image sets it.
"""

# No header of a request says where the site stands (SCRIPT_NAME, PATH_INFO), whoever hands it over; what the proxies
# say of the caller and of its scheme is read in one place, by the application (TRUSTED_PROXIES, X-Forwarded-Proto).
forwarder_headers = ""
secure_scheme_headers: dict[str, str] = {}
forwarded_allow_ips = ""
proxy_protocol = False
# X_Forwarded_For would be read as X-Forwarded-For: a name with an underscore is no name of ours, and goes.
header_map = "drop"

wsgi_app = "marketplace.wsgi"
workers = 2
worker_class = "gthread"
threads = 4
# A request may bring 72 MB through a slow line: the proxy gathers it first (docs/operations.md). What remains is ours.
timeout = 60
graceful_timeout = 30
keepalive = 5
# A leak in a library costs a restart now and then, and not of both workers at once.
max_requests = 2_000
max_requests_jitter = 200
# The heartbeat's file must not wait for a disk, nor need a folder that can be written.
worker_tmp_dir = "/dev/shm"
# gunicorn's control socket goes in the home folder; ours cannot be written, and nobody uses it.
control_socket_disable = True

# No access log here: the proxy has one, and one-time links (invitation, new password) travel in paths.
accesslog = None
logger_class = "marketplace.logs.AccessLogger"  # and if one is asked for, it holds none of them
logconfig_dict = {
    "version": 1,
    "disable_existing_loggers": False,
    "formatters": {"json": {"()": "marketplace.logs.JsonFormatter"}},
    "handlers": {"stderr": {"class": "logging.StreamHandler", "formatter": "json"}},
    "root": {"handlers": ["stderr"], "level": "INFO"},
    "loggers": {"gunicorn.error": {"handlers": ["stderr"], "level": "INFO", "propagate": False}},
}
