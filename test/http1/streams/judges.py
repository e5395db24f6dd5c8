"""Reads streams of requests with h11 and with httptools, and answers with h11.

Each line of the input is a JSON list of questions. ["requests", bytes, ends] tells where llhttp says that each request
ends; the answer is [what h11 reads, what httptools reads]. ["answer", bytes, method, is_closed] tells what was asked and
whether the connection has ended; the answer is what h11 reads. Each line of the output has them in the same order. Bytes
are one character each.

A parser that refuses a request begins anew where llhttp's next one begins, so that one disagreement does not hide the
next.
"""

import json
import sys

import h11
import httptools

# More than any head here: whether a head is too long is not asked.
LONGEST_HEAD = 1 << 20


def text(data):
    return bytes(data).decode("latin1")


def fields(pairs):
    return [[text(name).lower(), text(value).strip(" \t")] for name, value in pairs]


class Incomplete(Exception):
    """More was expected."""


def read_one_with_h11(data, start):
    """The request that begins there, and where it ends."""
    connection = h11.Connection(h11.SERVER, max_incomplete_event_size=LONGEST_HEAD)
    connection.receive_data(data[start:])
    request, body, trailers = None, [], []
    while True:
        event = connection.next_event()
        if event is h11.NEED_DATA:
            raise Incomplete
        if isinstance(event, h11.Request):
            request = event
        elif isinstance(event, h11.Data):
            body.append(event.data)
        elif isinstance(event, h11.EndOfMessage):
            trailers = event.headers
            break
        else:
            raise h11.RemoteProtocolError(f"unexpected {event!r}")
    end = len(data) - len(connection.trailing_data[0])
    version = text(request.http_version)
    # h11 keeps no connection of HTTP/1.0, whatever its client says.
    closes = None if version == "1.0" else connection.their_state is h11.MUST_CLOSE
    return {
        "method": text(request.method),
        "target": text(request.target),
        "version": version,
        "fields": fields(request.headers.raw_items()),
        "trailers": fields(trailers.raw_items() if trailers else []),
        "body": text(b"".join(body)),
        "closes": closes,
        "end": end,
    }


def read_with_h11(data, ends):
    requests = []
    start = 0
    while True:
        # RFC 9112 section 2.2: an empty line before a request is ignored; h11 leaves that to its user.
        while data.startswith(b"\r\n", start):
            start += 2
        if start >= len(data):
            return {"requests": requests, "rest": "nothing"}
        try:
            request = read_one_with_h11(data, start)
        except (Incomplete, h11.RemoteProtocolError) as error:
            complaint = "incomplete" if isinstance(error, Incomplete) else str(error)
            if len(requests) >= len(ends):
                return {"requests": requests, "rest": complaint}
            start = ends[len(requests)]
            requests.append({"refusal": complaint})
        else:
            requests.append(request)
            start = request["end"]


class Listener:
    """What httptools calls."""

    def __init__(self):
        self.requests = []
        self.parser = httptools.HttpRequestParser(self)
        self.on_message_begin()

    def on_message_begin(self):
        self.target, self.fields, self.trailers, self.body = b"", [], [], []
        self.is_head_complete = False
        self.has_begun = True

    def on_url(self, url):
        self.target += url

    def on_header(self, name, value):
        (self.trailers if self.is_head_complete else self.fields).append((name, value or b""))

    def on_headers_complete(self):
        self.is_head_complete = True

    def on_body(self, body):
        self.body.append(body)

    def on_message_complete(self):
        self.has_begun = False
        self.requests.append(
            {
                "method": text(self.parser.get_method()),
                "target": text(self.target),
                "version": self.parser.get_http_version(),
                "fields": fields(self.fields),
                "trailers": fields(self.trailers),
                "body": text(b"".join(self.body)),
                "closes": not self.parser.should_keep_alive(),
            }
        )


def read_with_httptools(data, ends):
    requests = []
    start = 0
    while start < len(data):
        listener = Listener()
        listener.has_begun = False
        complaint = None
        upgraded_at = None
        try:
            listener.parser.feed_data(data[start:])
        except httptools.HttpParserUpgrade as upgrade:
            upgraded_at = start + upgrade.args[0]
        except httptools.HttpParserError as error:
            complaint = f"{type(error).__name__}: {error}"
        requests += listener.requests
        if upgraded_at is not None:
            # It leaves the body of such a request to the other protocol.
            count = len(requests)
            start = ends[count - 1] if 0 < count <= len(ends) else upgraded_at
            continue
        if complaint is None:
            has_begun = listener.has_begun and data[start:].strip(b"\r\n") != b""
            return {"requests": requests, "rest": "incomplete" if has_begun else "nothing"}
        count = len(requests)
        if listener.requests and listener.requests[-1]["closes"] and not listener.has_begun:
            # It reads nothing behind such a request, which is not its to say.
            if count > len(ends):
                return {"requests": requests, "rest": complaint}
            start = ends[count - 1]
        elif count < len(ends):
            requests.append({"refusal": complaint})
            start = ends[count]
        else:
            return {"requests": requests, "rest": complaint}
    return {"requests": requests, "rest": "nothing"}


def read_answer(data, method, is_closed):
    """The first answer that is not interim, with those before it."""
    connection = h11.Connection(h11.CLIENT, max_incomplete_event_size=LONGEST_HEAD)
    connection.send(h11.Request(method=method, target="/", headers=[("Host", "a")]))
    connection.send(h11.EndOfMessage())
    interim, body, answer = [], [], None
    try:
        connection.receive_data(data)
        if is_closed and data != b"":
            connection.receive_data(b"")
        while True:
            event = connection.next_event()
            if event is h11.NEED_DATA or event is h11.PAUSED or isinstance(event, h11.ConnectionClosed):
                return {"refusal": "incomplete"}
            if isinstance(event, h11.InformationalResponse):
                interim.append(event.status_code)
            elif isinstance(event, h11.Response):
                answer = event
            elif isinstance(event, h11.Data):
                body.append(event.data)
            else:
                return {
                    "status": answer.status_code,
                    "version": text(answer.http_version),
                    "fields": fields(answer.headers.raw_items()),
                    "trailers": fields(event.headers.raw_items() if event.headers else []),
                    "body": text(b"".join(body)),
                    "interim": interim,
                }
    except h11.RemoteProtocolError as error:
        return {"refusal": str(error)}


def answer_to(question):
    data = question[1].encode("latin1")
    if question[0] == "answer":
        return read_answer(data, *question[2:])
    return [read_with_h11(data, question[2]), read_with_httptools(data, question[2])]


def main():
    # A byte is one character in them as well: escapes would be most of what is written and read here.
    sys.stdin.reconfigure(encoding="latin1")
    sys.stdout.reconfigure(encoding="latin1", errors="backslashreplace")
    for line in sys.stdin:
        readings = [answer_to(question) for question in json.loads(line)]
        sys.stdout.write(json.dumps(readings, ensure_ascii=False, separators=(",", ":")) + "\n")
        sys.stdout.flush()


main()
