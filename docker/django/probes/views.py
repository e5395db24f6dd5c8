"""Views that show what a proxy in front of the app does: what arrives, and how answers travel back."""

import asyncio
import hashlib
import time
from collections.abc import AsyncIterator, Iterable, Iterator

from django.http import HttpRequest, HttpResponse, JsonResponse, StreamingHttpResponse
from django.views.decorators.csrf import csrf_exempt

BLOCK = 64 * 1024


@csrf_exempt
def echo(request: HttpRequest, rest: str = "") -> JsonResponse:
    """What reached the app, as JSON. The body is read in blocks, so it may be of any size."""
    digest, length = hashlib.sha256(), 0
    while block := request.read(BLOCK):
        digest.update(block)
        length += len(block)
    return JsonResponse(
        {
            "method": request.method,
            "target": raw_target(request),
            "path": request.path,
            "host": request.get_host(),
            "secure": request.is_secure(),
            "user": request.user.get_username(),
            "meta": {name: value for name, value in request.META.items() if is_from_request(name)},
            "body": {"length": length, "sha256": digest.hexdigest()},
        }
    )


def raw_target(request: HttpRequest) -> str:
    """The request target before anything was decoded: gunicorn and ASGI servers keep it in different places."""
    scope = getattr(request, "scope", None)
    if scope is None:
        return request.META["RAW_URI"]
    query = scope["query_string"].decode("latin-1")
    return scope["raw_path"].decode("latin-1") + (f"?{query}" if query else "")


def is_from_request(name: str) -> bool:
    return name.startswith(("HTTP_", "REMOTE_")) or name in {"CONTENT_LENGTH", "CONTENT_TYPE", "SERVER_PROTOCOL"}


def slow(request: HttpRequest) -> HttpResponse:
    """Answers after `?seconds=`, holding its worker all the while."""
    seconds = min(float(request.GET.get("seconds", 1)), 60)
    time.sleep(seconds)
    return HttpResponse(f"after {seconds:g} s\n", content_type="text/plain")


def bulk(request: HttpRequest) -> StreamingHttpResponse:
    """`?bytes=` bytes of text, as fast as they are taken."""
    length = min(int(request.GET.get("bytes", 1_000_000)), 100_000_000)
    line = b"0123456789abcdef" * (BLOCK // 16)
    blocks = [line] * (length // BLOCK) + [line[: length % BLOCK]]
    return paced(request, blocks, 0, "text/plain", {"Content-Length": str(length)})


def stream(request: HttpRequest) -> StreamingHttpResponse:
    """`?lines=` lines, `?delay=` seconds apart, each with the time it was written (seconds since 1970)."""
    lines, delay = pace(request)
    parts = (f"{n} {time.time():.3f}\n" for n in range(1, lines + 1))
    return paced(request, parts, delay, "text/plain")


def events(request: HttpRequest) -> StreamingHttpResponse:
    """The same as server-sent events."""
    lines, delay = pace(request)
    parts = (f"id: {n}\ndata: {time.time():.3f}\n\n" for n in range(1, lines + 1))
    return paced(request, parts, delay, "text/event-stream", {"Cache-Control": "no-cache"})


def pace(request: HttpRequest) -> tuple[int, float]:
    return min(int(request.GET.get("lines", 5)), 100), min(float(request.GET.get("delay", 0.5)), 10)


def paced(
    request: HttpRequest, parts: Iterable[str | bytes], delay: float, content_type: str, headers: dict[str, str] | None = None
) -> StreamingHttpResponse:
    """
    Streams the parts with a pause after each. Under ASGI the iterator must be an asynchronous one and under
    WSGI an ordinary one: given the other kind, Django collects all of it before it sends a byte.
    """
    body = slowly_async(parts, delay) if hasattr(request, "scope") else slowly(parts, delay)
    return StreamingHttpResponse(body, content_type=content_type, headers=headers)


def slowly(parts: Iterable[str | bytes], delay: float) -> Iterator[str | bytes]:
    for part in parts:
        yield part
        time.sleep(delay)


async def slowly_async(parts: Iterable[str | bytes], delay: float) -> AsyncIterator[str | bytes]:
    for part in parts:
        yield part
        await asyncio.sleep(delay)
