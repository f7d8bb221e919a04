"""One settings file. Every variable it reads is in README's table; tests/test_architecture.py checks that."""

import logging
from datetime import date
from pathlib import Path

from csp.constants import NONE, SELF
from kombu import Exchange, Queue

from marketplace import env, production

BASE_DIR = Path(__file__).resolve().parent.parent

# --- What kind of installation this is ---------------------------------------------------------------------------
PRODUCTION = env.boolean("PRODUCTION", False)
DEBUG = env.boolean("DEBUG", False)
DEMONSTRATION = env.boolean("DEMONSTRATION", False)  # a band on every page; refuses real money and real mail
VAR_DIR = Path(env.text("VAR_DIR", str(BASE_DIR / "var")))
VAR_DIR.mkdir(parents=True, exist_ok=True)

SECRET_KEY = env.secret("SECRET_KEY", None if PRODUCTION else production.PLACEHOLDER_SECRET)
ALLOWED_HOSTS = env.items("ALLOWED_HOSTS", () if PRODUCTION else ("localhost", "127.0.0.1", "[::1]", "testserver"))
BASE_URL = env.text("BASE_URL", None if PRODUCTION else "http://localhost:8000").rstrip("/")
# The first key wraps occasions' private keys; the second signs receipts. Neither ever lives in the database.
SEAL_KEY_FILE = Path(env.text("SEAL_KEY_FILE", None if PRODUCTION else str(VAR_DIR / "keys" / "seal.key")))
SIGNING_KEY_FILE = Path(env.text("SIGNING_KEY_FILE", None if PRODUCTION else str(VAR_DIR / "keys" / "signing.pem")))
OCDS_PREFIX = env.text("OCDS_PREFIX", production.PLACEHOLDER_PREFIX)
# The ledger's name in its signed checkpoints: never to change, or those already kept verify nothing any more.
# Elsewhere than in production it depends on no address: `make run` and `manage.py` sign the same ledger.
LEDGER_ORIGIN = env.text("LEDGER_ORIGIN", f"{BASE_URL.partition('://')[2] if PRODUCTION else 'localhost'}/registre")

# --- Rules with a date: (in force from, value) ---------------------------------------------------------------------
# Ceiling before taxes, excluded: Open Government Plan, Engagement 4 (« moins de 90 000 $ »).
CEILING_CENTS = [(date(2000, 1, 1), 90_000_00)]
# From this amount before taxes, a valid attestation de Revenu Québec is required (RCTI).
ATTESTATION_FROM_CENTS = [(date(2000, 1, 1), 25_000_00)]
MINIMUM_PUBLICATION_DAYS = 10  # under this, a recorded and public reason is required
ADDENDUM_NEAR_CLOSING_DAYS = 3  # an addendum this near the closing moves it by as much (RCTI s. 9, by its sister text)
RESUME_MINIMUM_DAYS = 3  # a resumed occasion stays open at least this long (RCTI s. 9, by its sister text)
PAYMENT_DAYS = 30  # c. C-65.1, r. 8, s. 2
# Interest on late payment, in basis points a year: the rate of s. 28 of the Tax Administration Act (c. C-65.1, r. 8,
# s. 3). Up to 2023 as published; later ones computed by its regulation's rule (28R2): the operator confirms them.
LATE_INTEREST_RATES = [
    (date(2023, 10, 1), 1_000),
    (date(2025, 1, 1), 900),
    (date(2025, 4, 1), 800),
    (date(2026, 4, 1), 700),
]
LATE_INTEREST_MINIMUM_CENTS = 5_00
HOLDBACK_MAX_PERCENT = 10
CURE_DAYS = 10  # proposed to the buyer who returns a delivery
REPLY_DAYS = 30  # the vendor's time to answer a performance evaluation
# Publications at the SEAO after a public call, in days (by the RCTI's sister texts, docs/decisions.md).
SEAO_DAYS = {"initial": 15, "extra": 60, "final": 90}
EXTRA_SPENDING_PERCENT = 10  # past this, additional spending is published
OWNER_AWAY_DAYS = 30  # an administrator names another owner of a vendor none of whose owners signed in since
FILE_MAX_BYTES = 10 * 1024 * 1024
FILES_PER_PROPOSAL = 5
REQUEST_MAX_BYTES = 72 * 1024 * 1024  # a delivery: five files, an archive and their form
VISITOR_REQUEST_MAX_BYTES = 1024 * 1024

# --- Applications --------------------------------------------------------------------------------------------------
INSTALLED_APPS = [
    "marketplace.apps.MarketplaceConfig",
    "vendors.apps.VendorsConfig",
    "opportunities.apps.OpportunitiesConfig",
    "proposals.apps.ProposalsConfig",
    "contracts.apps.ContractsConfig",
    "audit.apps.AuditConfig",
    "opendata.apps.OpendataConfig",
    "demo.apps.DemoConfig",
    "marketplace.apps.AdministrationConfig",  # django.contrib.admin, with our site
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "django.contrib.sessions",
    "django.contrib.messages",
    "django.contrib.sitemaps",
    "whitenoise.runserver_nostatic",
    "django.contrib.staticfiles",
    "django_htmx",
    "csp",
    "allauth",
    "allauth.account",
    "allauth.mfa",
]

MIDDLEWARE = [
    "marketplace.middleware.health",  # before all others: no session, no database
    "marketplace.doors.middleware.limits",
    "django.middleware.security.SecurityMiddleware",
    "whitenoise.middleware.WhiteNoiseMiddleware",
    "csp.middleware.CSPMiddleware",
    "marketplace.doors.middleware.utf8",  # before whatever reads an address or a cookie
    "marketplace.cache.PublicPageCache",
    "django.contrib.sessions.middleware.SessionMiddleware",
    "django.middleware.locale.LocaleMiddleware",
    "django.middleware.common.CommonMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    "marketplace.doors.middleware.bodies",  # before whatever reads a body
    "marketplace.middleware.PrivateUnlessListed",
    "marketplace.accounts.middleware.SecondFactorFirst",
    "marketplace.terms.middleware.TermsFirst",
    "django.contrib.messages.middleware.MessageMiddleware",
    "django.middleware.clickjacking.XFrameOptionsMiddleware",
    "allauth.account.middleware.AccountMiddleware",
    "django_htmx.middleware.HtmxMiddleware",
    "marketplace.middleware.RefusedForms",
    "marketplace.middleware.Refusals",
    "proposals.opening.middleware.OpenDueOccasions",
]

ROOT_URLCONF = "marketplace.urls"
WSGI_APPLICATION = "marketplace.wsgi.application"
FORCE_SCRIPT_NAME = ""  # the site is at the top of its host (marketplace/doors/site.py)
TEMPLATES = [
    {
        "BACKEND": "django.template.backends.django.DjangoTemplates",
        "DIRS": [BASE_DIR / "templates"],
        "APP_DIRS": True,
        "OPTIONS": {
            "builtins": ["marketplace.templatetags.forms"],  # `{% csrf_token %}` numbers its form too
            "context_processors": [
                "django.template.context_processors.request",
                "django.template.context_processors.i18n",
                "django.contrib.auth.context_processors.auth",
                "django.contrib.messages.context_processors.messages",
                "marketplace.context.site",
            ],
        },
    },
]

# --- Data ----------------------------------------------------------------------------------------------------------
DATABASES = {"default": env.database("DATABASE_URL", VAR_DIR / "db.sqlite3")}
# The role of web and worker, to which `migrate` gives the rows (marketplace/ledger/grants.py).
APP_DATABASE_ROLE = env.text("APP_DATABASE_ROLE", "marketplace_app")
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"
REDIS_URL = env.redis("REDIS_URL", "")  # the queue
# Pages kept for visitors, limits on attempts: a server of its own may forget what it likes when it is full.
CACHE_URL = env.redis("CACHE_URL", REDIS_URL)
CACHES = {
    "default": {"BACKEND": "marketplace.redis.cache.OptionalRedisCache", "LOCATION": CACHE_URL}
    if CACHE_URL
    else {"BACKEND": "django.core.cache.backends.locmem.LocMemCache", "OPTIONS": {"MAX_ENTRIES": 2000}},
}
MEDIA_ROOT = Path(env.text("MEDIA_ROOT", str(VAR_DIR / "media")))
MEDIA_URL = "/fichiers/"  # never served by the web server: every file goes through a view that checks who asks
STATIC_URL = "/static/"
STATIC_ROOT = VAR_DIR / "static"
STATIC_ROOT.mkdir(exist_ok=True)  # WhiteNoise warns about a missing folder before the first collectstatic
STATICFILES_DIRS = [BASE_DIR / "static"]
WHITENOISE_KEEP_ONLY_HASHED_FILES = True  # pages name no other, and each would be compressed twice
WHITENOISE_USE_FINDERS = not PRODUCTION  # the embedded installation serves its sources, nothing is collected
# An S3-compatible store instead of MEDIA_ROOT, so that several hosts share files (marketplace/files/bucket.py).
S3_BUCKET = env.text("S3_BUCKET", "")
S3_ENDPOINT_URL = env.server("S3_ENDPOINT_URL", "https", "http")  # empty: Amazon's own
S3_REGION = env.text("S3_REGION", "")
S3_ACCESS_KEY_ID = env.secret("S3_ACCESS_KEY_ID", "")
S3_SECRET_ACCESS_KEY = env.secret("S3_SECRET_ACCESS_KEY", "")
STORAGES = {
    "default": {"BACKEND": f"marketplace.files.{'bucket.Bucket' if S3_BUCKET else 'disk.Disk'}"},
    "staticfiles": {
        "BACKEND": "marketplace.files.static.CollectedFiles"
        if PRODUCTION
        else "django.contrib.staticfiles.storage.StaticFilesStorage"
    },
}
FILE_UPLOAD_PERMISSIONS = 0o600
# Uploads stay in memory up to the largest allowed file: a proposal's file never touches a disk in the clear.
FILE_UPLOAD_HANDLERS = [
    "marketplace.doors.multipart.Utf8Form",
    "marketplace.files.uploads.SizedMemoryUploadHandler",
]
FILE_UPLOAD_MAX_MEMORY_SIZE = FILE_MAX_BYTES
DATA_UPLOAD_MAX_MEMORY_SIZE = 5 * 1024 * 1024
CLAMD_URL = env.server("CLAMD_URL", "tcp")

# --- People --------------------------------------------------------------------------------------------------------
AUTH_USER_MODEL = "marketplace.User"
AUTHENTICATION_BACKENDS = ["allauth.account.auth_backends.AuthenticationBackend"]
PASSWORD_HASHERS = [
    "django.contrib.auth.hashers.ScryptPasswordHasher",
    "django.contrib.auth.hashers.PBKDF2PasswordHasher",
]
AUTH_PASSWORD_VALIDATORS = [
    {"NAME": "django.contrib.auth.password_validation.UserAttributeSimilarityValidator"},
    {"NAME": "django.contrib.auth.password_validation.MinimumLengthValidator", "OPTIONS": {"min_length": 12}},
    {"NAME": "django.contrib.auth.password_validation.CommonPasswordValidator"},
]
LOGIN_URL = "account_login"
LOGIN_REDIRECT_URL = "dashboard"
ACCOUNT_ADAPTER = "marketplace.accounts.adapters.AccountAdapter"
ACCOUNT_LOGIN_METHODS = {"email"}
ACCOUNT_SIGNUP_FIELDS = ["email*", "password1*", "password2*"]
ACCOUNT_SIGNUP_FORM_CLASS = "marketplace.accounts.adapters.SignupForm"
ACCOUNT_FORMS = {
    "login": "marketplace.accounts.forms.LoginForm",
    "signup": "marketplace.accounts.forms.SignupForm",
    "add_email": "marketplace.accounts.forms.AddEmailForm",
    "change_password": "marketplace.accounts.forms.ChangePasswordForm",
    "reset_password": "marketplace.accounts.forms.ResetPasswordForm",
    "reset_password_from_key": "marketplace.accounts.forms.ResetPasswordKeyForm",
}
ACCOUNT_USER_MODEL_USERNAME_FIELD = None
ACCOUNT_EMAIL_VERIFICATION = "mandatory"
ACCOUNT_EMAIL_SUBJECT_PREFIX = ""
ACCOUNT_EMAIL_NOTIFICATIONS = True  # a changed password or address is told to its owner
ACCOUNT_CONFIRM_EMAIL_ON_GET = False
ACCOUNT_LOGOUT_ON_GET = False
ACCOUNT_SESSION_REMEMBER = False
ACCOUNT_PREVENT_ENUMERATION = True
ACCOUNT_DEFAULT_HTTP_PROTOCOL = "https" if PRODUCTION else "http"
# Short per account: a rival who fails on purpose must not keep a vendor out at a closing (docs/security.md).
# `second_look` is ours: wrong passwords and codes at the act itself, which must not close anybody's sign-in either.
# So is `correct_address`: an address mistyped at the sign-up, each of which is written to.
ACCOUNT_RATE_LIMITS = {
    "login_failed": "30/m/ip,10/5m/key",
    "signup": "20/m/ip",
    "confirm_email": "1/3m/key",
    "second_look": "5/5m/user",
    "correct_address": "10/h/ip",
}
ACCOUNT_LOGIN_ON_EMAIL_CONFIRMATION = False
# An application that shows codes. Not passkeys: their pages need data in inline script elements, which ours never have.
MFA_ADAPTER = "marketplace.accounts.adapters.MFAAdapter"
MFA_SUPPORTED_TYPES = ["totp", "recovery_codes"]
MFA_TOTP_ISSUER = "Développe avec nous"
MFA_FORMS = {
    "authenticate": "marketplace.accounts.forms.AuthenticateForm",
    "activate_totp": "marketplace.accounts.forms.ActivateTOTPForm",
}
MFA_ALLOW_UNVERIFIED_EMAIL = True  # one signs in with a confirmed address; an added one that waits must not lock out
# Buyers, officers, auditors and administrators do nothing before they have one (marketplace/accounts/second_factor.py).
SECOND_FACTOR_REQUIRED = env.boolean("SECOND_FACTOR_REQUIRED", True)
# How long « c’est bien vous » lasts, on the pages that ask it before they open (accounts/reauthentication.py).
CONFIRMATION_MINUTES = env.integer("CONFIRMATION_MINUTES", 15, minimum=1)
ADMINISTRATION_ASKS_AGAIN = True  # turned off by tests of other things
ACCOUNT_REAUTHENTICATION_REQUIRED = True  # the library's own second wall, behind ours
ACCOUNT_REAUTHENTICATION_TIMEOUT = 24 * 3600  # ours is asked before, and lasts less
ACCOUNT_PASSWORD_RESET_TOKEN_GENERATOR = "marketplace.accounts.links.ResetLinks"
# How many proxies of ours stand before us: limits count the caller that the first one saw (marketplace/requests.py).
ALLAUTH_TRUSTED_PROXY_COUNT = env.integer("TRUSTED_PROXIES", 0, minimum=0)
SESSION_COOKIE_AGE = 8 * 3600
SESSION_COOKIE_SECURE = PRODUCTION
CSRF_COOKIE_SECURE = PRODUCTION
CSRF_FAILURE_VIEW = "marketplace.keep.csrf_failure"
CSRF_TRUSTED_ORIGINS = [BASE_URL] if PRODUCTION else []

# --- Mail and tasks --------------------------------------------------------------------------------------------------
_mail = env.email("EMAIL_URL", "console://")
EMAIL_BACKEND, EMAIL_HOST, EMAIL_PORT = _mail["BACKEND"], _mail["HOST"], _mail["PORT"]
EMAIL_HOST_USER, EMAIL_HOST_PASSWORD = _mail["USER"], _mail["PASSWORD"]
EMAIL_USE_SSL, EMAIL_USE_TLS = _mail["USE_SSL"], _mail["USE_TLS"]
EMAIL_TIMEOUT = 10  # seconds, for each thing said to the mail server; thrice that for all (marketplace/mail/smtp.py)
DEFAULT_FROM_EMAIL = env.text("DEFAULT_FROM_EMAIL", "Développe avec nous <ne-pas-repondre@exemple.invalid>")
CONTACT_EMAIL = env.text("CONTACT_EMAIL", "aide@exemple.invalid")
CELERY_BROKER_URL = env.broker(REDIS_URL) or "memory://localhost"  # a host, or kombu warns that there is none
CELERY_TASK_ALWAYS_EAGER = not REDIS_URL  # the embedded default: the outbox delivers in the same process
CELERY_TASK_IGNORE_RESULT = True
# Messages and payments wait for servers that are not ours: each its own queue, so that openings never wait behind them.
# A worker told nothing takes all; `--queues=celery`, `--queues=mail` and `--queues=payments` make three.
CELERY_TASK_QUEUES = [Queue(name, Exchange(name), routing_key=name) for name in ("celery", "mail", "payments")]
CELERY_TASK_ROUTES = {
    "marketplace.tasks.deliver_email": {"queue": "mail"},
    "marketplace.tasks.sweep_emails": {"queue": "mail"},
    "contracts.tasks.settle_payment": {"queue": "payments"},
    "contracts.tasks.handle_event": {"queue": "payments"},
    "contracts.tasks.sweep_payments": {"queue": "payments"},
    "contracts.tasks.reconcile": {"queue": "payments"},
}
CELERY_TASK_ACKS_LATE = True
CELERY_TIMEZONE = "America/Toronto"

# --- Payments: Stripe Connect, separate charges and transfers --------------------------------------------------------
# Without a key, bodies record payments made by their own system. `make run` gives those of the stand-in.
STRIPE_SECRET_KEY = env.secret("STRIPE_SECRET_KEY", "")
STRIPE_WEBHOOK_SECRET = env.secret("STRIPE_WEBHOOK_SECRET", "")
STRIPE_API_BASE = env.text("STRIPE_API_BASE", "").rstrip("/")  # empty: Stripe's own
STRIPE_FEE_BASIS_POINTS = env.integer("STRIPE_FEE_BASIS_POINTS", 0, minimum=0)

# --- Language and time ---------------------------------------------------------------------------------------------
LANGUAGE_CODE = "fr-ca"
LANGUAGES = [("fr-ca", "Français"), ("en", "English")]
LOCALE_PATHS = [BASE_DIR / "locale"]
FORMAT_MODULE_PATH = "marketplace.formats"
USE_I18N = True
USE_TZ = True
TIME_ZONE = "America/Toronto"

# --- Security ------------------------------------------------------------------------------------------------------
CONTENT_SECURITY_POLICY = {
    "DIRECTIVES": {
        "default-src": [NONE],
        "script-src": [SELF],
        "style-src": [SELF],
        "img-src": [SELF],
        "font-src": [SELF],
        "connect-src": [SELF],
        "form-action": [SELF],
        "base-uri": [NONE],
        "frame-ancestors": [NONE],
    }
}
X_FRAME_OPTIONS = "DENY"
SECURE_CONTENT_TYPE_NOSNIFF = True
SECURE_REFERRER_POLICY = "same-origin"
SECURE_SSL_REDIRECT = PRODUCTION
SECURE_HSTS_SECONDS = 31_536_000 if PRODUCTION else 0
SECURE_HSTS_INCLUDE_SUBDOMAINS = PRODUCTION
SECURE_PROXY_SSL_HEADER = ("HTTP_X_FORWARDED_PROTO", "https") if PRODUCTION else None
SESSION_COOKIE_HTTPONLY = True
SILENCED_SYSTEM_CHECKS = ["models.W040"]  # SQLite leaves out an index's extra columns: they only serve PostgreSQL

# --- Seeing it -------------------------------------------------------------------------------------------------------
# What Prometheus shows at /metrics; without it there is no such address.
METRICS_TOKEN = env.secret("METRICS_TOKEN", "")

# --- Logs: no request body, no local variable, ever ----------------------------------------------------------------
LOG_LEVEL = env.choice("LOG_LEVEL", "INFO", logging.getLevelNamesMapping())
LOGGING = {
    "version": 1,
    "disable_existing_loggers": False,
    "formatters": {
        "json": {"()": "marketplace.logs.JsonFormatter"},
        "plain": {"()": "marketplace.logs.PlainFormatter", "format": "%(levelname)s %(name)s %(message)s"},
    },
    "handlers": {"stderr": {"class": "logging.StreamHandler", "formatter": "json" if PRODUCTION else "plain"}},
    "root": {"handlers": ["stderr"], "level": LOG_LEVEL},
    "loggers": {
        name: {"handlers": ["stderr"], "level": LOG_LEVEL, "propagate": False} for name in ("django", "django.server")
    },
}

if DEMONSTRATION:
    production.refuse_the_real(globals())
if PRODUCTION:
    logging.captureWarnings(True)  # a library's warning is a line like the others
    production.refuse_placeholders(globals())
