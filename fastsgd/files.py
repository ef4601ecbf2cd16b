"""`atomic_path`: a file that is replaced whole or not at all."""

import os
import secrets
import stat
from contextlib import contextmanager, suppress
from pathlib import Path


@contextmanager
def atomic_path(
    path, # File to write, existing or not
):
    """Yield a temporary path in the same folder, with the same suffix, which takes the place of `path` at the end

    After an error, an interrupt or a kill `path` is as it was before. Raises FileNotFoundError where the folder does
    not exist, IsADirectoryError for a folder, ValueError for anything else that is not a regular file.
    """
    path = Path(os.path.realpath(os.path.expanduser(path))) # a link stays a link
    if path.is_dir(): raise IsADirectoryError(f'{path} is a folder: expected a file, for instance {path/"fit"}')
    if path.exists() and not path.is_file(): raise ValueError(f'{path} is not a regular file: give a new name')
    if not path.parent.is_dir(): raise FileNotFoundError(f'{path.parent} does not exist: create this folder first')
    temp = path.with_name(f'.{path.stem[:60]}.{secrets.token_hex(4)}{path.suffix}')
    try:
        temp.touch(exist_ok=False)
        mode = stat.S_IMODE((path if path.exists() else temp).stat().st_mode)
        yield temp
        # on the disk before it takes the old one's place: a power cut must not leave an empty file
        with open(temp, 'rb+') as f: os.fsync(f.fileno())
        os.chmod(temp, mode) # the writer may have put a file of its own in its place
        os.replace(temp, path)
    finally:
        with suppress(FileNotFoundError): temp.unlink()
