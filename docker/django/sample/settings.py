"""
Settings of the sample project, as a production site has them: DEBUG is off, and what differs from one
place to the next comes from the environment. The compose file, the demo and the tests all run this.
"""

import os
from pathlib import Path

BASE_DIR = Path(__file__).resolve().parent.parent


def words(name: str, default: str = "") -> list[str]:
    """The environment variable's comma-separated words."""
    return [word for word in os.environ.get(name, default).split(",") if word]


DEBUG = False
SECRET_KEY = os.environ["SECRET_KEY"]
ALLOWED_HOSTS = words("ALLOWED_HOSTS", "localhost,127.0.0.1,[::1]")

# Needed where the browser's address is not the Host that Django sees. media-serve keeps Host, so empty will do.
CSRF_TRUSTED_ORIGINS = words("CSRF_TRUSTED_ORIGINS")

# Safe only behind a proxy that sets this header itself, whatever the client sent. media-serve does.
SECURE_PROXY_SSL_HEADER = ("HTTP_X_FORWARDED_PROTO", "https")

INSTALLED_APPS = [
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "django.contrib.sessions",
    "django.contrib.staticfiles",
    "gallery",
    "probes",
    "protected",
    "private_storage",
]

MIDDLEWARE = [
    "django.middleware.security.SecurityMiddleware",
    "django.contrib.sessions.middleware.SessionMiddleware",
    "django.middleware.common.CommonMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    "django.middleware.clickjacking.XFrameOptionsMiddleware",
]

ROOT_URLCONF = "sample.urls"
WSGI_APPLICATION = "sample.wsgi.application"
ASGI_APPLICATION = "sample.asgi.application"

TEMPLATES = [
    {
        "BACKEND": "django.template.backends.django.DjangoTemplates",
        "APP_DIRS": True,
        "OPTIONS": {
            "context_processors": [
                "django.template.context_processors.request",
                "django.contrib.auth.context_processors.auth",
            ],
        },
    },
]

DATABASES = {
    "default": {
        "ENGINE": "django.db.backends.sqlite3",
        "NAME": os.environ.get("SQLITE_PATH", BASE_DIR / "db.sqlite3"),
        "OPTIONS": {"timeout": 20, "transaction_mode": "IMMEDIATE"},
    },
}
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"

# For a site below a path, such as /shop. Under gunicorn SCRIPT_NAME has to say the same.
FORCE_SCRIPT_NAME = os.environ.get("FORCE_SCRIPT_NAME")

# Uploads. Django writes them below MEDIA_ROOT and makes links below MEDIA_URL; with DEBUG off it never
# answers for those links. That is media-serve's part.
MEDIA_ROOT = os.environ.get("MEDIA_ROOT", BASE_DIR / "media")
MEDIA_URL = os.environ.get("MEDIA_URL", "/media/")

# A file over FILE_UPLOAD_MAX_MEMORY_SIZE (2.5 MB) is first a temporary file, mode 0600, and is then moved to
# its place. Without this setting (None; also the default before Django 3.0) it keeps that mode, and a server
# that runs as another user may not read it: small photos show, large ones are 403. "none" shows that in a test.
FILE_UPLOAD_PERMISSIONS = None if os.environ.get("FILE_UPLOAD_PERMISSIONS") == "none" else 0o644

# `prepare` collects these below STATIC_ROOT with a hash of the content in each name, so that a browser may
# keep them for good.
STATIC_ROOT = os.environ.get("STATIC_ROOT", BASE_DIR / "static")
STATIC_URL = os.environ.get("STATIC_URL", "/static/")
STORAGES = {
    "default": {"BACKEND": "django.core.files.storage.FileSystemStorage"},
    "staticfiles": {"BACKEND": "django.contrib.staticfiles.storage.ManifestStaticFilesStorage"},
}

# Or uploads in a bucket, when one is named. Django writes them there and media-serve, with `--root s3://BUCKET/media`, signs
# the requests for them: below `media/` their keys are the paths of their links. Both take address, region and keys of the
# store from the same variables.
BUCKET = os.environ.get("AWS_STORAGE_BUCKET_NAME")
if BUCKET:
    STORAGES["default"] = {
        "BACKEND": "storages.backends.s3.S3Storage",
        "OPTIONS": {
            "bucket_name": BUCKET,
            "location": "media",
            "endpoint_url": os.environ.get("AWS_S3_ENDPOINT_URL"),
            "region_name": os.environ.get("AWS_S3_REGION_NAME"),
            # Links to the site itself, without a signature: the same for everybody and at all times, so that they can be
            # kept by browsers and caches.
            "custom_domain": os.environ.get("AWS_S3_CUSTOM_DOMAIN"),
            "url_protocol": os.environ.get("AWS_S3_URL_PROTOCOL", "https:"),
            "querystring_auth": False,
            # As Django's own storage does: two uploads of one name are two files.
            "file_overwrite": False,
        },
    }

LOGIN_URL = "login"
LOGIN_REDIRECT_URL = "members"
LOGOUT_REDIRECT_URL = "gallery"

# Files that only the app hands out (see protected/): media-serve has them as `--internal /protected/=DIR`.
PROTECTED_ROOT = Path(os.environ.get("PROTECTED_ROOT", BASE_DIR / "protected-files"))
PROTECTED_URL = "/protected/"
LINK_SECRET = os.environ.get("LINK_SECRET", "")

# django-sendfile2: "nginx" answers with X-Accel-Redirect, "xsendfile" with X-Sendfile.
SENDFILE_BACKEND = f"django_sendfile.backends.{os.environ.get('SENDFILE', 'nginx')}"
SENDFILE_ROOT = PROTECTED_ROOT
SENDFILE_URL = PROTECTED_URL

# django-private-storage: "nginx" answers with X-Accel-Redirect, "apache" with X-Sendfile.
PRIVATE_STORAGE_SERVER = os.environ.get("PRIVATE_STORAGE_SERVER", "nginx")
PRIVATE_STORAGE_ROOT = PROTECTED_ROOT
PRIVATE_STORAGE_INTERNAL_URL = PROTECTED_URL
PRIVATE_STORAGE_AUTH_FUNCTION = "protected.access.may_read_private_file"

USE_TZ = True
TIME_ZONE = "UTC"

# Django prints nothing with DEBUG off unless told to.
LOGGING = {
    "version": 1,
    "disable_existing_loggers": False,
    "handlers": {"console": {"class": "logging.StreamHandler"}},
    "loggers": {"django": {"handlers": ["console"], "level": "ERROR", "propagate": False}},
}
