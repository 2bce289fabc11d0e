"""Every knob, read from the environment once. Nothing else reads os.environ."""

import ipaddress
import os
import re
import secrets
import sys
from pathlib import Path

import dj_database_url
from csp.constants import NONE, SELF
from django.core.exceptions import ImproperlyConfigured

from playground.keyfile import private_folder, read_or_make_secret, read_secret

BASE_DIR = Path(__file__).resolve().parent.parent


def env_int(name: str, default: int, least: int = 0) -> int:
    value = os.environ.get(name, "").strip()
    if not value:
        return default
    if not value.isdecimal() or int(value) < least:
        raise ImproperlyConfigured(f"{name} is {value!r}. Set it to a whole number from {least}.")
    return int(value)


def env_bool(name: str) -> bool:
    value = os.environ.get(name, "").strip().lower()
    if value not in ("", "0", "1", "false", "true", "no", "yes"):
        raise ImproperlyConfigured(f"{name} is {value!r}. Set it to 1 or 0.")
    return value in ("1", "true", "yes")


def env_list(name: str) -> list[str]:
    return [part.strip() for part in os.environ.get(name, "").split(",") if part.strip()]


def env_origins(name: str) -> list[str]:
    """Origins as a browser writes them: scheme and host in small letters, the port if unusual."""
    origins = []
    for given in env_list(name):
        found = re.fullmatch(r"(https?)://([a-z0-9.-]+|\[[0-9a-f:.]+\])(:\d+)?/?", given.lower())
        if not found:
            raise ImproperlyConfigured(
                f"{name} holds {given!r}. Write an address as https://playground.example.com: http "
                "or https, a host and, where it is an unusual one, a port."
            )
        scheme, host, port = found.groups(default="")
        is_usual = port == {"http": ":80", "https": ":443"}[scheme]
        origins.append(f"{scheme}://{host}" + ("" if is_usual else port))
    return origins


def env_networks(name: str) -> list:
    try:
        return [ipaddress.ip_network(given, strict=False) for given in env_list(name)]
    except ValueError as error:
        raise ImproperlyConfigured(
            f"{name}: {error}. Write addresses or networks, such as 10.0.0.7, 10.1.0.0/16."
        ) from error


def env_secret(name: str, *, reads_file: bool = True) -> str:
    """The value, or the contents of the file that NAME_FILE points to (a container's secret)."""
    value, file = os.environ.get(name, ""), env_file(name)
    if value or file is None or not reads_file:
        return value
    secret = read_secret(file)
    if secret is None:
        raise ImproperlyConfigured(f"{name}_FILE names {file}, and there is no such file.")
    return secret


def env_file(name: str) -> Path | None:
    file = os.environ.get(f"{name}_FILE", "")
    return Path(file).resolve() if file else None


# Where it lives -----------------------------------------------------------------------------

os.umask(0o077)  # the database and whatever else is written is nobody else's to read
DATA_DIR = private_folder(
    Path(os.environ.get("PLAYGROUND_DATA_DIR") or BASE_DIR / "data").resolve()
)
HOST = os.environ.get("HOST", "") or "127.0.0.1"
PORT = env_int("PORT", 8000)
IS_LOOPBACK = HOST in ("127.0.0.1", "localhost", "::1")

DEBUG = False
SECRET_KEY = env_secret("PLAYGROUND_SECRET_KEY") or read_or_make_secret(
    DATA_DIR / "secret.key", lambda: secrets.token_urlsafe(64)
)
# "id:base64,id2:base64"; else in this file, or in one of DATA_DIR. The vault reads it, and again
# whenever it changes.
MASTER_KEYS = env_secret("PLAYGROUND_MASTER_KEYS", reads_file=False)
MASTER_KEYS_FILE = env_file("PLAYGROUND_MASTER_KEYS")

PUBLIC_ORIGINS = env_origins("PLAYGROUND_PUBLIC_ORIGINS")  # https://playground.example.com
CSRF_TRUSTED_ORIGINS = PUBLIC_ORIGINS
IS_TLS = any(origin.startswith("https://") for origin in PUBLIC_ORIGINS)
ALLOWED_HOSTS = [
    *("127.0.0.1", "localhost", "[::1]"),
    *(re.sub(r":\d+$", "", origin.split("://")[1]) for origin in PUBLIC_ORIGINS),
    *env_list("PLAYGROUND_ALLOWED_HOSTS"),
]
# Whose X-Forwarded-For and X-Forwarded-Proto are believed; nobody's, unless the admin says so.
TRUSTED_PROXIES = env_networks("PLAYGROUND_TRUSTED_PROXIES")
PLAIN_HTTP = env_bool("PLAYGROUND_PLAIN_HTTP")  # other machines may come without TLS

# What it is made of -------------------------------------------------------------------------

INSTALLED_APPS = [
    "playground",  # first: its runworker takes the place of channels' own
    "daphne",
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "django.contrib.sessions",
    "django.contrib.messages",
    "django.contrib.staticfiles",
    "channels",
    "django_htmx",
    "axes",
    "csp",
    "ninja",
]
MIDDLEWARE = [
    "playground.middleware.host_middleware",
    # What every answer carries comes before whatever may answer: static files and refusals too.
    "playground.middleware.PrivacyMiddleware",
    "django.middleware.security.SecurityMiddleware",
    "csp.middleware.CSPMiddleware",
    "django.middleware.clickjacking.XFrameOptionsMiddleware",
    "whitenoise.middleware.WhiteNoiseMiddleware",
    "django.middleware.gzip.GZipMiddleware",
    "django.contrib.sessions.middleware.SessionMiddleware",
    "django.middleware.common.CommonMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    "django.contrib.messages.middleware.MessageMiddleware",
    "playground.middleware.SetupMiddleware",
    "playground.middleware.SessionAgeMiddleware",
    "playground.middleware.LanguageMiddleware",
    "django.contrib.auth.middleware.LoginRequiredMiddleware",
    "django_htmx.middleware.HtmxMiddleware",
]
ROOT_URLCONF = "playground.urls"
ASGI_APPLICATION = "playground.asgi.application"
TEMPLATES = [
    {
        "BACKEND": "django.template.backends.django.DjangoTemplates",
        "DIRS": [BASE_DIR / "templates"],
        "APP_DIRS": True,
        "OPTIONS": {
            "builtins": ["django.templatetags.i18n", "django.templatetags.l10n"],
            "context_processors": [
                "django.template.context_processors.request",
                "django.contrib.auth.context_processors.auth",
                "django.contrib.messages.context_processors.messages",
            ],
        },
    }
]
STORAGES = {
    "default": {"BACKEND": "django.core.files.storage.FileSystemStorage"},
    "staticfiles": {"BACKEND": "playground.storage.StaticStorage"},
}
STATIC_URL = "static/"
STATIC_ROOT = DATA_DIR / "static"
STATICFILES_DIRS = [BASE_DIR / "static"]

LANGUAGE_CODE = "en"  # of everything that programs read (languages.py)
# Offered are those whose catalog is complete, which tests/unit/test_translations.py looks after.
LANGUAGES = [("en", "English"), ("es", "Español"), ("zh-hans", "简体中文"), ("ko", "한국어")]
LOCALE_PATHS = [BASE_DIR / "locale"]
FORMAT_MODULE_PATH = ["playground.formats"]
USE_I18N = True
TIME_ZONE = "UTC"
USE_TZ = True

# What it remembers --------------------------------------------------------------------------

DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"
DATABASES = {
    "default": dj_database_url.parse(
        os.environ.get("DATABASE_URL") or f"sqlite:///{DATA_DIR / 'playground.sqlite3'}"
    )
}
IS_SQLITE = DATABASES["default"]["ENGINE"] == "django.db.backends.sqlite3"
if IS_SQLITE:
    # IMMEDIATE: a transaction that reads, then writes, otherwise fails at once with "locked".
    DATABASES["default"].setdefault("OPTIONS", {}).update(
        {
            "transaction_mode": "IMMEDIATE",
            "timeout": 20,
            "init_command": "PRAGMA journal_mode=WAL; PRAGMA synchronous=NORMAL;",
        }
    )
    # Tests use a file too: an in-memory database cannot be shared with the live server's process.
    DATABASES["default"]["TEST"] = {"NAME": str(DATA_DIR / "test.sqlite3")}
else:
    DATABASES["default"].setdefault("OPTIONS", {}).update(pool={"min_size": 0, "max_size": 8})
    DATABASES["default"]["CONN_HEALTH_CHECKS"] = True  # the pool drops what a restart broke

REDIS_URL = os.environ.get("REDIS_URL", "")
if REDIS_URL:
    CHANNEL_LAYERS = {
        "default": {
            "BACKEND": "channels_redis.pubsub.RedisPubSubChannelLayer",
            # redis-py 8 gives up an idle read after 5 s unless told otherwise.
            "CONFIG": {"hosts": [{"address": REDIS_URL, "socket_timeout": 30}]},
        }
    }
else:
    CHANNEL_LAYERS = {"default": {"BACKEND": "playground.layers.MemoryLayer"}}

# Who may come in ----------------------------------------------------------------------------

AUTH_USER_MODEL = "playground.User"
AUTH_PASSWORD_VALIDATORS = [
    {"NAME": f"django.contrib.auth.password_validation.{name}"}
    for name in (
        "UserAttributeSimilarityValidator",
        "MinimumLengthValidator",
        "CommonPasswordValidator",
        "NumericPasswordValidator",
    )
]
LOGIN_URL = "login"
LOGIN_REDIRECT_URL = "playground"
LOGOUT_REDIRECT_URL = "login"
AUTHENTICATION_BACKENDS = ["playground.guessing.LimitedBackend"]
AXES_HANDLER = "playground.guessing.GuessCounter"
AXES_CLIENT_IP_CALLABLE = "playground.guessing.address_of"
AXES_DISABLE_ACCESS_LOG = True  # who signed in when is not this table's business
AXES_VERBOSE = False

# Cookies ignore ports: another instance on this machine must not overwrite this one's login.
# Behind TLS the browser itself vouches for the name: set by this very host, for it alone.
SESSION_COOKIE_NAME = f"__Host-playground_{PORT}" if IS_TLS else f"playground_{PORT}"
SESSION_COOKIE_SECURE = CSRF_COOKIE_SECURE = IS_TLS
SESSION_IDLE_S = 12 * 3600  # without a request a session ends after this long
SESSION_COOKIE_AGE = 7 * 24 * 3600  # and after this long whatever happens
PROOF_S = 15 * 60  # a password typed this recently need not be typed again
CSRF_USE_SESSIONS = True
CSRF_FAILURE_VIEW = "playground.views.errors.csrf_failed"
MESSAGE_STORAGE = "django.contrib.messages.storage.session.SessionStorage"  # no further cookie

CONTENT_SECURITY_POLICY = {
    "DIRECTIVES": {
        "default-src": [NONE],
        "script-src": [SELF],
        "style-src": [SELF],
        "img-src": [SELF, "data:"],
        "font-src": [SELF],
        "connect-src": [SELF],
        "form-action": [SELF],
        "frame-ancestors": [NONE],
        "base-uri": [NONE],
        "object-src": [NONE],
    }
}
SECURE_REFERRER_POLICY = "same-origin"
SECURE_CROSS_ORIGIN_OPENER_POLICY = "same-origin"
X_FRAME_OPTIONS = "DENY"
SECURE_HSTS_SECONDS = 365 * 24 * 3600 if IS_TLS else 0
SECURE_HSTS_INCLUDE_SUBDOMAINS = IS_TLS
# Only a proxy that is believed can say that somebody came without TLS.
SECURE_SSL_REDIRECT = IS_TLS and bool(TRUSTED_PROXIES)
SECURE_REDIRECT_EXEMPT = [r"^(healthz|readyz|metrics)$"]  # asked on the machine itself
SILENCED_SYSTEM_CHECKS = [
    "security.W021",  # to be on the browsers' preload list is for the owner of the whole domain
    "axes.W002",  # the sign-in page says itself what was refused, so axes' middleware has no part
]

# Where it may connect to --------------------------------------------------------------------

DEMO_PORT = env_int("PLAYGROUND_DEMO_PORT", 7777, least=1)
WORKSPACE_ORIGINS = env_list("PLAYGROUND_WORKSPACE_ORIGINS")
DRIVER_ORIGINS = env_list("PLAYGROUND_DRIVER_ORIGINS") or (
    ["http://127.0.0.1:3000-8000"] if IS_LOOPBACK else []
)
DRIVER_ORIGINS.append(f"http://127.0.0.1:{DEMO_PORT}")  # the bundled demo, wherever we listen
# A tracking server whose prompt registry people may read and add to; none without it.
MLFLOW_ORIGIN = os.environ.get("PLAYGROUND_MLFLOW_ORIGIN", "").strip().rstrip("/")
PRIVATE_WORKSPACES = env_bool("PLAYGROUND_PRIVATE_WORKSPACES")
CA_BUNDLE = os.environ.get("PLAYGROUND_CA_BUNDLE", "")
HTTPS_PROXY = env_secret("PLAYGROUND_HTTPS_PROXY")
DATABRICKS_HOST = os.environ.get("DATABRICKS_HOST", "")
DATABRICKS_TOKEN = env_secret("DATABRICKS_TOKEN")
# mlflow would report how it is used, to its makers, by ways of its own.
os.environ.update(MLFLOW_DISABLE_TELEMETRY="true")

# Limits -------------------------------------------------------------------------------------

MAX_RESPONSE_BYTES = env_int("PLAYGROUND_MAX_RESPONSE_BYTES", 4 * 2**20, least=1024)
CALL_TIMEOUT_S = env_int("PLAYGROUND_CALL_TIMEOUT_S", 600, least=1)
IDLE_TIMEOUT_S = env_int("PLAYGROUND_IDLE_TIMEOUT_S", 300, least=1)
WORKER_SEATS = env_int("PLAYGROUND_WORKER_SEATS", 64, least=1)
CALLS_PER_USER = env_int("PLAYGROUND_CALLS_PER_USER", 16, least=1)
CALLS_PER_HOST = env_int("PLAYGROUND_CALLS_PER_HOST", 48, least=1)
RUNS_PER_MINUTE = env_int("PLAYGROUND_RUNS_PER_MINUTE", 120, least=1)
RUNS_AT_ONCE = env_int("PLAYGROUND_RUNS_AT_ONCE", 50, least=1)
LINES_PER_USER = env_int("PLAYGROUND_LINES_PER_USER", 50, least=1)
KEEP_RUNS_DAYS = env_int("PLAYGROUND_KEEP_RUNS_DAYS", 0) or None  # None: for ever
MAX_PROMPT_BYTES = 512 * 1024
MAX_REPETITIONS = 10  # of one column in one run
MAX_IMAGE_BYTES = 2**20  # of all images of a prompt together, too: every call keeps what it sent
MAX_BODY_BYTES = 4 * 2**20  # a prompt in its longest spelling, \u0041 for each character, fits
DATA_UPLOAD_MAX_MEMORY_SIZE = MAX_BODY_BYTES
MAX_MARKDOWN_CHARACTERS = 50_000  # making HTML of more would take seconds
MAX_VARIANTS = 50
MAX_INPUTS = 500  # texts to embed in one run

# What it says while it works ----------------------------------------------------------------

LOGGING = {
    "version": 1,
    "disable_existing_loggers": False,
    "formatters": {"plain": {"format": "%(asctime)s %(levelname)s %(name)s: %(message)s"}},
    "filters": {"secrets": {"()": "endpoints.scrubbing.LogFilter"}},
    "handlers": {
        "console": {
            "class": "logging.StreamHandler",
            "formatter": "plain",
            "filters": ["secrets"],
        }
    },
    "root": {"handlers": ["console"], "level": os.environ.get("PLAYGROUND_LOG_LEVEL", "WARNING")},
    # Django's own handler mails admins; here the console is the log.
    "loggers": {
        "django": {"handlers": [], "propagate": True},
        "django.server": {"handlers": [], "propagate": True},
        "django.channels.server": {"level": "WARNING"},
        # A 404 or a refused form is the visitor's business, not the log's.
        "django.request": {"level": "ERROR"},
        # At DEBUG these tell of requests, headers and all.
        "databricks": {"level": "WARNING"},
        "mlflow": {"level": "WARNING"},
        "urllib3.connectionpool": {"level": "WARNING"},
    },
}
DEFAULT_EXCEPTION_REPORTER = "playground.reporting.Reporter"
DEFAULT_EXCEPTION_REPORTER_FILTER = "playground.reporting.SecretFilter"

IS_TESTING = "test" in sys.argv[1:2]
if IS_TESTING:
    TEST_RUNNER = "tests.runner.Runner"
    PASSWORD_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher"]
    # Pages are rendered without collecting the static files first.
    STORAGES["staticfiles"]["BACKEND"] = "django.contrib.staticfiles.storage.StaticFilesStorage"
