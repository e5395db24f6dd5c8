"""A file system whose calls hang when they are told to: a directory, mounted over itself by FUSE. Files that are there can be
read and written; nothing can be made, renamed or removed.

    python3 hanging_disk.py DIRECTORY

It speaks the kernel's protocol over /dev/fuse (include/uapi/linux/fuse.h). A call that hangs is a request whose answer is
put off, so one thread does. The kernel may remember nothing but what was read of a file that has not changed since (as with
NFS), so every other call of a program comes here. The mount is in a mount namespace of its own, which other programs enter by the process id of this
one (nsenter): nothing is seen outside of it, and nothing is left when they have ended.

Commands are lines of JSON on the standard input, and each is answered with a line, the state behind it:
    {"do": "hang", "call": "open", "below": "a/b", "from": 0, "ms": 2000, "killable": true}
        From now on these calls hang: of this name, or any; of this path or below it ("" is all, and behind "a/" comes only
        what is below); reads that reach beyond "from"; for so long, or until they are released (null). A caller that is killed gets out of a killable one, as with
        NFS; with most file systems in user space it does not.
    {"do": "release"}   Nothing hangs any more, and what hung is answered.
    {"do": "state"}     {"waiting": calls that hang, "open": files that are open, "calls": {name: how many so far}}
The first line of the output comes when the file system is there. When the input or this process ends, the kernel ends
every call with an error.
"""

import ctypes
import errno
import json
import os
import select
import stat
import struct
import sys
import time

LOOKUP, FORGET, INIT, RELEASE, DESTROY = 1, 2, 26, 18, 38
RELEASEDIR, INTERRUPT, BATCH_FORGET = 29, 36, 42
# By the names of the system's calls, or of the file system's where one of those has several.
NAMES = {
    LOOKUP: "lookup",
    3: "getattr",
    5: "readlink",
    14: "open",
    15: "read",
    16: "write",
    17: "statfs",
    25: "flush",
    27: "opendir",
    28: "readdir",
}

HEAD = struct.Struct("<IIQQIIIHH")
ANSWER = struct.Struct("<IiQ")
READ = struct.Struct("<QQI")
WRITE = struct.Struct("<QQIIQII")
MAX_REQUEST = (1 << 17) + 4096
PARALLEL_LOOKUPS = 1 << 18
KEEP_READ_PAGES = 1 << 1
READ_AHEAD = 1 << 17

CLONE_NEWNS = 0x20000
MS_NOSUID, MS_NODEV, MS_REC, MS_PRIVATE = 2, 4, 1 << 14, 1 << 18
KILLED = 1 << 8
EXITING = 4

# Seconds between two looks at whether a caller was killed.
LOOK_EVERY = 0.05

libc = ctypes.CDLL(None, use_errno=True)


def system(call, *arguments):
    if call(*arguments) != 0:
        number = ctypes.get_errno()
        raise OSError(number, f"{call.__name__}: {os.strerror(number)}")


def is_killed(thread):
    """Whether a thread is about to end: it gets SIGKILL, whichever signal or call of its process ends it."""
    try:
        with open(f"/proc/{thread}/stat", "rb") as file:
            # Behind the name, the third field comes first.
            fields = file.read().rpartition(b")")[2].split()
    except (FileNotFoundError, ProcessLookupError):
        return True
    flags, pending = int(fields[9 - 3]), int(fields[31 - 3])
    return bool(flags & EXITING or pending & KILLED)


def attributes(status):
    times = [status.st_atime_ns, status.st_mtime_ns, status.st_ctime_ns]
    seconds, rest = [each // 10**9 for each in times], [each % 10**9 for each in times]
    ids = [status.st_mode, status.st_nlink, status.st_uid, status.st_gid, status.st_rdev, status.st_blksize, 0]
    return struct.pack("<6Q10I", status.st_ino, status.st_size, status.st_blocks, *seconds, *rest, *ids)


class Node:
    """What the kernel knows by a number: a path, and the file that it led to."""

    def __init__(self, number, path, identity):
        self.number, self.path, self.identity = number, path, identity
        self.lookups = 0
        # As it was when it was opened last.
        self.version = None


class PutOff:
    """A request whose answer is put off."""

    def __init__(self, request, rule):
        self.request = request
        self.until = None if rule["ms"] is None else time.monotonic() + rule["ms"] / 1000
        self.killable = rule["killable"]


class Request:
    def __init__(self, data):
        length, self.code, self.unique, self.node, _, _, self.thread, _, _ = HEAD.unpack_from(data)
        self.body = data[HEAD.size : length]


class Disk:
    def __init__(self, directory):
        self.directory = os.open(directory, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
        root = Node(1, "", None)
        self.by_number = {1: root}
        self.by_path = {}
        self.last = 1
        self.rules, self.put_off, self.calls = [], [], {}
        self.files = 0
        self.next_look = 0
        system(libc.unshare, CLONE_NEWNS)
        system(libc.mount, b"none", b"/", None, MS_REC | MS_PRIVATE, None)
        self.device = os.open("/dev/fuse", os.O_RDWR | os.O_CLOEXEC | os.O_NONBLOCK)
        options = f"fd={self.device},rootmode=40000,user_id=0,group_id=0,allow_other,default_permissions"
        flags = MS_NOSUID | MS_NODEV
        system(libc.mount, b"hanging", os.fsencode(directory), b"fuse", flags, options.encode())

    def serve(self):
        commands = b""
        ready = select.poll()
        for descriptor in (0, self.device):
            ready.register(descriptor, select.POLLIN)
        while True:
            for descriptor, _ in ready.poll(self.patience()):
                if descriptor == self.device:
                    if not self.read_request():
                        return
                    continue
                data = os.read(0, 1 << 16)
                if data == b"":
                    return
                *lines, commands = (commands + data).split(b"\n")
                for line in lines:
                    self.command(json.loads(line))
            self.look_at_put_off()

    def patience(self):
        """How long nothing need be done if nobody asks, in milliseconds."""
        if not self.put_off:
            return None
        ends = [each.until for each in self.put_off if each.until is not None]
        return max(0, min([self.next_look, *ends]) - time.monotonic()) * 1000

    def command(self, command):
        if command["do"] == "hang":
            self.rules.append(command)
        elif command["do"] == "release":
            self.rules.clear()
            put_off, self.put_off = self.put_off, []
            for each in put_off:
                self.answer(each.request)
        self.tell()

    def tell(self):
        state = {"waiting": len(self.put_off), "open": self.files, "calls": self.calls}
        print(json.dumps(state), flush=True)

    def look_at_put_off(self):
        now = time.monotonic()
        looks = now >= self.next_look
        if looks:
            self.next_look = now + LOOK_EVERY
        for each in list(self.put_off):
            if each.until is not None and each.until <= now:
                self.put_off.remove(each)
                self.answer(each.request)
            elif looks and each.killable and is_killed(each.request.thread):
                self.put_off.remove(each)
                self.send(each.request, -errno.EINTR)

    def read_request(self):
        """Answers a request or puts it off. False when none comes any more: the directory was removed, and with it the mount."""
        try:
            request = Request(os.read(self.device, MAX_REQUEST))
        except OSError as error:
            if error.errno == errno.ENODEV:
                return False
            # Nothing is there, or its caller was killed before it was read.
            if error.errno in (errno.EAGAIN, errno.EINTR, errno.ENOENT):
                return True
            raise
        name = NAMES.get(request.code)
        if name is not None:
            self.calls[name] = self.calls.get(name, 0) + 1
            rule = self.rule_of(name, request)
            if rule is not None:
                self.put_off.append(PutOff(request, rule))
                return True
        self.answer(request)
        return True

    def rule_of(self, name, request):
        path = self.path_of(request)
        for rule in self.rules:
            is_below = rule["below"] in ("", path) or path.startswith(rule["below"].rstrip("/") + "/")
            if is_below and rule["call"] in (name, "any"):
                if name != "read" or sum(READ.unpack_from(request.body)[1:]) > rule["from"]:
                    return rule
        return None

    def path_of(self, request):
        path = self.by_number[request.node].path
        if request.code != LOOKUP:
            return path
        return os.path.join(path, os.fsdecode(request.body.rstrip(b"\0")))

    def answer(self, request):
        if request.code in (FORGET, BATCH_FORGET):
            self.forget(request)
            return
        # It is told of nothing that it is not asked for.
        if request.code == INTERRUPT:
            return
        try:
            call = self.ANSWERS.get(request.code)
            if call is None:
                raise OSError(errno.ENOSYS, "no such call here")
            self.send(request, 0, call(self, request))
        except OSError as error:
            self.send(request, -error.errno)

    def send(self, request, error, body=b""):
        try:
            os.write(self.device, ANSWER.pack(ANSWER.size + len(body), error, request.unique) + body)
        except FileNotFoundError:
            # Nobody waits for it any more.
            pass

    def forget(self, request):
        if request.code == FORGET:
            pairs = [(request.node, *struct.unpack_from("<Q", request.body))]
        else:
            (count, _) = struct.unpack_from("<II", request.body)
            pairs = struct.iter_unpack("<QQ", request.body[8 : 8 + 16 * count])
        for number, times in pairs:
            node = self.by_number[number]
            node.lookups -= times
            if number != 1 and node.lookups <= 0:
                del self.by_number[number]
                if self.by_path.get(node.path) is node:
                    del self.by_path[node.path]

    def init(self, request):
        major, minor, _, _ = struct.unpack_from("<IIII", request.body)
        settings = [7, min(minor, 31), READ_AHEAD, PARALLEL_LOOKUPS, 64, 48, 4096, 1, 0, 0]
        return struct.pack("<IIIIHHIIHH", *settings) + bytes(32)

    def status(self, path):
        return os.stat(path or ".", dir_fd=self.directory, follow_symlinks=False)

    def open_path(self, path, flags):
        self.files += 1
        try:
            return os.open(path or ".", flags | os.O_NOFOLLOW | os.O_CLOEXEC, dir_fd=self.directory)
        except OSError:
            self.files -= 1
            raise

    def lookup(self, request):
        path = self.path_of(request)
        status = self.status(path)
        identity = (status.st_dev, status.st_ino)
        node = self.by_path.get(path)
        if node is None or node.identity != identity:
            self.last += 1
            node = Node(self.last, path, identity)
            self.by_number[node.number] = self.by_path[path] = node
        node.lookups += 1
        return struct.pack("<QQQQII", node.number, 0, 0, 0, 0, 0) + attributes(status)

    def getattr(self, request):
        return struct.pack("<QII", 0, 0, 0) + attributes(self.status(self.path_of(request)))

    def readlink(self, request):
        return os.fsencode(os.readlink(self.path_of(request), dir_fd=self.directory))

    def open(self, request):
        node = self.by_number[request.node]
        (flags,) = struct.unpack_from("<I", request.body)
        descriptor = self.open_path(node.path, flags & os.O_ACCMODE)
        status = os.fstat(descriptor)
        before, node.version = node.version, (status.st_mtime_ns, status.st_size)
        return struct.pack("<QII", descriptor, KEEP_READ_PAGES if before == node.version else 0, 0)

    def opendir(self, request):
        descriptor = self.open_path(self.path_of(request), os.O_RDONLY | os.O_DIRECTORY)
        return struct.pack("<QII", descriptor, 0, 0)

    def read(self, request):
        descriptor, position, size = READ.unpack_from(request.body)
        return os.pread(descriptor, size, position)

    def write(self, request):
        descriptor, position, size, *_ = WRITE.unpack_from(request.body)
        return struct.pack("<II", os.pwrite(descriptor, request.body[WRITE.size : WRITE.size + size], position), 0)

    def readdir(self, request):
        descriptor, position, size = READ.unpack_from(request.body)
        entries = b""
        for index, name in enumerate(sorted(os.listdir(descriptor))[position:], position + 1):
            status, name = os.stat(name, dir_fd=descriptor, follow_symlinks=False), os.fsencode(name)
            entry = struct.pack("<QQII", status.st_ino, index, len(name), stat.S_IFMT(status.st_mode) >> 12)
            entry += name + bytes(-len(name) % 8)
            if len(entries) + len(entry) > size:
                break
            entries += entry
        return entries

    def release(self, request):
        os.close(*struct.unpack_from("<Q", request.body))
        self.files -= 1
        return b""

    def statfs(self, _):
        of = os.fstatvfs(self.directory)
        counts = [of.f_blocks, of.f_bfree, of.f_bavail, of.f_files, of.f_ffree]
        return struct.pack("<5Q4I", *counts, of.f_bsize, of.f_namemax, of.f_frsize, 0) + bytes(24)

    def nothing(self, _):
        return b""

    ANSWERS = {
        LOOKUP: lookup,
        3: getattr,
        5: readlink,
        14: open,
        15: read,
        16: write,
        17: statfs,
        RELEASE: release,
        25: nothing,
        INIT: init,
        27: opendir,
        28: readdir,
        RELEASEDIR: release,
        DESTROY: nothing,
    }


if __name__ == "__main__":
    disk = Disk(sys.argv[1])
    disk.tell()
    disk.serve()
