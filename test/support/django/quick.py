"""The sample's settings with passwords that cost nothing to check, as Django's documentation advises for tests."""

from sample.settings import *  # noqa: F403

PASSWORD_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher"]
