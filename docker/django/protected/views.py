"""
Files that not everyone may read. Django decides and media-serve sends: by X-Accel-Redirect or X-Sendfile from
the two libraries people use, by a question before each file (auth_request), or by a signed link.
"""

from django.conf import settings
from django.contrib.auth.decorators import login_required, permission_required
from django.contrib.auth.mixins import LoginRequiredMixin
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.shortcuts import render
from django_sendfile import sendfile
from private_storage.views import PrivateStorageView

from .access import PERMISSION, may_read
from .signing import secure_link_md5, signed_link


@login_required
def index(request: HttpRequest) -> HttpResponse:
    """The documents, with a link for each of the ways."""
    root = settings.PROTECTED_ROOT
    names = sorted(path.name for path in root.iterdir() if path.is_file()) if root.is_dir() else []
    return render(request, "protected/index.html", {"names": names, "allowed": may_read(request.user)})


@login_required
@permission_required(PERMISSION, raise_exception=True)
def by_sendfile(request: HttpRequest, name: str) -> HttpResponse:
    """django-sendfile2; `?attachment=1` for a download."""
    return sendfile(request, settings.PROTECTED_ROOT / name, attachment="attachment" in request.GET)


class ByPrivateStorage(LoginRequiredMixin, PrivateStorageView):
    """django-private-storage; asks PRIVATE_STORAGE_AUTH_FUNCTION."""

    content_disposition = "inline"


def may_i(request: HttpRequest) -> HttpResponse:
    """What `authRequest` asks before a file: 204 yes, 401 not without a login, 403 no."""
    if not request.user.is_authenticated:
        return HttpResponse(status=401, headers={"WWW-Authenticate": 'Session realm="documents"'})
    return HttpResponse(status=204 if may_read(request.user) else 403)


@login_required
@permission_required(PERMISSION, raise_exception=True)
def signed(request: HttpRequest) -> JsonResponse:
    """Links to `?path=`, good for `?seconds=` (an hour; negative: already over), in both schemes."""
    path = request.GET["path"]
    seconds = int(request.GET.get("seconds", 3600))
    return JsonResponse(
        {
            "hmac-sha256": signed_link(path, settings.LINK_SECRET, seconds),
            "md5": secure_link_md5(path, settings.LINK_SECRET, seconds),
        }
    )
