"""Every knob, read from the environment once. Nothing else reads os.environ."""

import os
import secrets
import sys
from pathlib import Path

import dj_database_url
from csp.constants import NONE, SELF
from django.core.exceptions import ImproperlyConfigured

from playground.keyfile import private_folder, read_or_make_secret

BASE_DIR = Path(__file__).resolve().parent.parent


def env_int(name: str, default: int, least: int = 0) -> int:
    value = os.environ.get(name, "").strip()
    if not value:
        return default
    if not value.isdecimal() or int(value) < least:
        raise ImproperlyConfigured(f"{name} is {value!r}. Set it to a whole number from {least}.")
    return int(value)


def env_list(name: str) -> list[str]:
    return [part.strip() for part in os.environ.get(name, "").split(",") if part.strip()]


def env_secret(name: str) -> str:
    """The value, or the contents of the file that NAME_FILE points to (a container's secret)."""
    value, file = os.environ.get(name, ""), os.environ.get(f"{name}_FILE", "")
    return value or (Path(file).read_text().strip() if file else "")


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
MASTER_KEYS = env_secret(
    "PLAYGROUND_MASTER_KEYS"
)  # "kid:base64,kid2:base64"; else a file in DATA_DIR

ALLOWED_HOSTS = ["127.0.0.1", "localhost", "[::1]", *env_list("PLAYGROUND_ALLOWED_HOSTS")]
PUBLIC_ORIGINS = env_list("PLAYGROUND_PUBLIC_ORIGINS")  # https://playground.example.com
CSRF_TRUSTED_ORIGINS = PUBLIC_ORIGINS

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
    "csp",
    "ninja",
]
MIDDLEWARE = [
    "django.middleware.security.SecurityMiddleware",
    "whitenoise.middleware.WhiteNoiseMiddleware",
    "csp.middleware.CSPMiddleware",
    "django.middleware.gzip.GZipMiddleware",
    "django.contrib.sessions.middleware.SessionMiddleware",
    "django.middleware.common.CommonMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    "django.contrib.messages.middleware.MessageMiddleware",
    "playground.middleware.SetupMiddleware",
    "django.contrib.auth.middleware.LoginRequiredMiddleware",
    "django_htmx.middleware.HtmxMiddleware",
    "playground.middleware.PrivacyMiddleware",
    "django.middleware.clickjacking.XFrameOptionsMiddleware",
]
ROOT_URLCONF = "playground.urls"
ASGI_APPLICATION = "playground.asgi.application"
TEMPLATES = [
    {
        "BACKEND": "django.template.backends.django.DjangoTemplates",
        "DIRS": [BASE_DIR / "templates"],
        "APP_DIRS": True,
        "OPTIONS": {
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

LANGUAGE_CODE = "en"
USE_I18N = False
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
# Cookies ignore ports: another instance on this machine must not overwrite this one's login.
SESSION_COOKIE_NAME = f"playground_{PORT}"
SESSION_COOKIE_AGE = 7 * 24 * 3600
SESSION_COOKIE_SECURE = CSRF_COOKIE_SECURE = any(o.startswith("https://") for o in PUBLIC_ORIGINS)
CSRF_USE_SESSIONS = True
CSRF_FAILURE_VIEW = "playground.views.errors.csrf_failed"

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

# Where it may connect to --------------------------------------------------------------------

WORKSPACE_ORIGINS = env_list("PLAYGROUND_WORKSPACE_ORIGINS")
DRIVER_ORIGINS = env_list("PLAYGROUND_DRIVER_ORIGINS") or (
    ["http://127.0.0.1:3000-8000"] if IS_LOOPBACK else []
)
DATABRICKS_HOST = os.environ.get("DATABRICKS_HOST", "")
DATABRICKS_TOKEN = env_secret("DATABRICKS_TOKEN")
DEMO_PORT = env_int("PLAYGROUND_DEMO_PORT", 7777, least=1)

# Limits -------------------------------------------------------------------------------------

MAX_RESPONSE_BYTES = env_int("PLAYGROUND_MAX_RESPONSE_BYTES", 4 * 2**20, least=1024)
CALL_TIMEOUT_S = env_int("PLAYGROUND_CALL_TIMEOUT_S", 600, least=1)
IDLE_TIMEOUT_S = env_int("PLAYGROUND_IDLE_TIMEOUT_S", 300, least=1)
WORKER_SEATS = env_int("PLAYGROUND_WORKER_SEATS", 64, least=1)
CALLS_PER_USER = env_int("PLAYGROUND_CALLS_PER_USER", 16, least=1)
MAX_PROMPT_BYTES = 512 * 1024
MAX_VARIANTS = 50
MAX_INPUTS = 500  # texts to embed in one run

# What it says while it works ----------------------------------------------------------------

LOGGING = {
    "version": 1,
    "disable_existing_loggers": False,
    "formatters": {"plain": {"format": "%(asctime)s %(levelname)s %(name)s: %(message)s"}},
    "handlers": {"console": {"class": "logging.StreamHandler", "formatter": "plain"}},
    "root": {"handlers": ["console"], "level": os.environ.get("PLAYGROUND_LOG_LEVEL", "WARNING")},
    # Django's own handler mails admins; here the console is the log.
    "loggers": {
        "django": {"handlers": [], "propagate": True},
        "django.channels.server": {"level": "WARNING"},
        # A 404 or a refused form is the visitor's business, not the log's.
        "django.request": {"level": "ERROR"},
    },
}

IS_TESTING = "test" in sys.argv[1:2]
if IS_TESTING:
    PASSWORD_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher"]
    # Pages are rendered without collecting the static files first.
    STORAGES["staticfiles"]["BACKEND"] = "django.contrib.staticfiles.storage.StaticFilesStorage"
