"""Who may read the protected documents. Every way of handing one out asks here."""

from django.contrib.auth.models import AbstractBaseUser, AnonymousUser
from private_storage.models import PrivateFile

PERMISSION = "gallery.view_upload"


def may_read(user: AbstractBaseUser | AnonymousUser) -> bool:
    return user.has_perm(PERMISSION)


def may_read_private_file(private_file: PrivateFile) -> bool:
    """PRIVATE_STORAGE_AUTH_FUNCTION of django-private-storage."""
    return may_read(private_file.request.user)
