"""`atomic_path`: a file that is replaced whole or not at all."""

import errno
import os
import re
import secrets
import shutil
import signal
import socket
import stat
import sys
import threading
import time
import zlib
from contextlib import contextmanager, suppress
from pathlib import Path

from .checks import check_path

HOST = f'{zlib.crc32(socket.gethostname().encode()):08x}'
LEAST_FREE = 4096 # bytes: a disk with less is full
FAULTS = {errno.ENOSPC, errno.EDQUOT, errno.EFBIG, errno.EIO} # no room, or a broken disk
OURS = re.compile(r'\..*\.fastsgd-([0-9a-f]{8})-(\d{1,9})-[0-9a-f]{8}', re.S)


@contextmanager
def atomic_path(
    path, # File to write, existing or not
):
    """Yield a temporary path on the same disk, with the same suffix, whose file takes the place of `path` at the end

    After an error, an interrupt or a kill `path` is as it was before. Raises FileNotFoundError where the folder does
    not exist, IsADirectoryError for a folder, ValueError for anything else that is not a regular file, and an OSError
    that names `path` for a full disk, whatever the writer makes of it.
    """
    path = Path(os.path.realpath(os.path.expanduser(check_path('path', path)))) # a link stays a link
    if path.is_dir(): raise IsADirectoryError(f'{path} is a folder: expected a file, for instance {path/"fit"}')
    if path.exists() and not path.is_file(): raise ValueError(f'{path} is not a regular file: give a new name')
    if not path.parent.is_dir(): raise FileNotFoundError(f'{path.parent} does not exist: create this folder first')
    remove_stale(path.parent)
    # a folder of our own: some writers put temporary files beside what they write
    folder = path.with_name(f'.{path.stem[:40]}.fastsgd-{HOST}-{os.getpid()}-{secrets.token_hex(4)}')
    with removed_on_signals(folder), full_disk_told(path, folder):
        folder.mkdir()
        temp = folder/f'fit{path.suffix}'
        temp.touch()
        mode = stat.S_IMODE((path if path.exists() else temp).stat().st_mode)
        yield temp
        # on the disk before it takes the old one's place: a power cut must not leave an empty file
        with open(temp, 'rb+') as f: os.fsync(f.fileno())
        os.chmod(temp, mode) # the writer may have put a file of its own in its place
        os.replace(temp, path)


@contextmanager
def full_disk_told(path, folder):
    "Raise an OSError that names `path` where `folder` has no room, or another fault of the disk, for what was written"
    try: yield
    except Exception as e:
        said = re.search(r'\(os error (\d+)\)', str(e)) # as Rust tells it
        number = e.errno if isinstance(e, OSError) else int(said[1]) if said else None
        if folder.is_dir() and shutil.disk_usage(folder).free < LEAST_FREE: number = errno.ENOSPC
        if number not in FAULTS: raise
        raise OSError(number, os.strerror(number), str(path)) from e


@contextmanager
def removed_on_signals(folder):
    "Remove `folder` at the end, and before a signal ends this process, unless somebody handles that signal already"
    owner, caught = os.getpid(), []
    def end(number, frame):
        if os.getpid() == owner: shutil.rmtree(folder, ignore_errors=True) # and not a child's
        signal.signal(number, signal.SIG_DFL)
        os.kill(os.getpid(), number)
    if threading.current_thread() is threading.main_thread() and sys.platform != 'win32':
        caught = [n for n in (signal.SIGTERM, signal.SIGHUP) if signal.getsignal(n) is signal.SIG_DFL]
    try:
        for number in caught: signal.signal(number, end)
        yield
    finally:
        shutil.rmtree(folder, ignore_errors=True)
        for number in caught: signal.signal(number, signal.SIG_DFL)


def remove_stale(folder: Path):
    "Remove temporary folders of ours in `folder` whose process was killed; those of other machines after a day"
    for left in folder.glob('.*.fastsgd-*/'):
        if not (found := OURS.fullmatch(left.name)): continue
        here = found[1] == HOST and sys.platform != 'win32'
        with suppress(OSError):
            if ended(int(found[2])) if here else time.time() - left.stat().st_mtime > 86400: shutil.rmtree(left)


def ended(pid: int) -> bool:
    "Has the process with this number, on this machine, come to its end?"
    try: os.kill(pid, 0)
    except ProcessLookupError: return True
    except OSError: pass # it is somebody else's
    return False
