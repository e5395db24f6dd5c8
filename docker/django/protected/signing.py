"""Links that carry their own permission: media-serve checks the signature, the app is not asked."""

import base64
import hashlib
import hmac
import time
from urllib.parse import quote


def signed_link(path: str, secret: str, seconds: int = 3600) -> str:
    """The path (not yet percent-encoded) with an expiry time and an HMAC-SHA256 signature."""
    expires = int(time.time()) + seconds
    digest = hmac.digest(secret.encode(), f"{path}\n{expires}".encode(), "sha256")
    return f"{quote(path)}?expires={expires}&signature={unpadded(digest)}"


def secure_link_md5(path: str, secret: str, seconds: int = 3600) -> str:
    """The same in nginx's scheme, for `secure_link_md5 "$secure_link_expires$uri $secret"`."""
    expires = int(time.time()) + seconds
    digest = hashlib.md5(f"{expires}{path} {secret}".encode()).digest()
    return f"{quote(path)}?expires={expires}&md5={unpadded(digest)}"


def unpadded(digest: bytes) -> str:
    return base64.urlsafe_b64encode(digest).rstrip(b"=").decode()
