"""A full disk, real or by a limit of the process: an error names the file, what was there stays whole."""

import os
import resource
import shutil
import subprocess
from contextlib import contextmanager

import numpy as np
import pytest
import torch
from matplotlib.figure import Figure

from fastsgd import FitAnimation, Trajectory, linear_data
from fastsgd.lesson.page import ExplorePage
from fastsgd.player import SUFFIXES, VIDEOS

OLD = b'what was there' * 20
ROOM = 4096 # bytes that are left, in one of two tries
MATPLOTLIBS = {'.tiff': 'pillow', '.wmv': 'ffmpeg', '.mp4 by a writer': 'ffmpeg', '.gif by a writer': 'pillow'}


def noise():
    "An animation that no format makes small"
    fig = Figure(figsize=(3, 2))
    image = fig.add_subplot().imshow(np.zeros((20, 20)), vmin=0, vmax=1)

    def update(i):
        image.set_data(np.random.default_rng(i).random((20, 20)))
        return [image]
    return FitAnimation(fig, update, 6)


def page():
    x, y = linear_data(1000, seed=0)
    ranges = {'lr': (0.01, 1, 0.05), 'momentum': (0, 1, 0.01), 'slope': (-9, 9, 1), 'intercept': (-9, 9, 1)}
    return ExplorePage((x, y), 10, [10, 1000], ranges, dict(lr=0.1, momentum=0., bs=10, slope=0., intercept=0.), 0)


SAVES = {
    **{suffix: lambda path: noise().save(path) for suffix in SUFFIXES},
    **{name: lambda path, writer=writer: noise().save(path, writer) for name, writer in MATPLOTLIBS.items()},
    **{f'{suffix} as a strip': lambda path: noise().save_strip(path) for suffix in ('.svg', '.png', '.pdf')},
    'trajectory': lambda path: Trajectory({'a': torch.rand(50, 2000)}).save(path),
    '.html as a page of explore': lambda path: page().save(path),
}


@pytest.fixture(scope='module')
def disk(tmp_path_factory):
    "A disk of 3 MB of its own"
    folder = tmp_path_factory.mktemp('disk')
    mount = ['mount', '-t', 'tmpfs', '-o', 'size=3m', 'tmpfs', str(folder)]
    if not shutil.which('mount') or subprocess.run(mount, capture_output=True).returncode: pytest.skip('not root')
    yield folder
    subprocess.run(['umount', '-l', str(folder)], check=True)


@contextmanager
def filled(folder, room):
    stat = os.statvfs(folder)
    (folder/'filling').write_bytes(bytes(stat.f_bavail * stat.f_bsize - room))
    try: yield
    finally: (folder/'filling').unlink()


@contextmanager
def limited(size):
    "No file of this process, or of one that it starts, may become larger"
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, hard))
    try: yield
    finally: resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))


def refused(name, folder, full, room, error, said):
    path = folder/f'fit{name.split(" ")[0] if name.startswith(".") else ""}'
    if (name in VIDEOS or MATPLOTLIBS.get(name) == 'ffmpeg') and not shutil.which('ffmpeg'): pytest.skip('no ffmpeg')
    path.write_bytes(OLD)
    with full(room), pytest.raises(error, match=said) as e: SAVES[name](path)
    assert str(path) in str(e.value)
    assert path.read_bytes() == OLD and [p.name for p in folder.iterdir()] == [path.name]
    SAVES[name](path) # now there is room
    assert path.read_bytes() != OLD
    path.unlink()


@pytest.mark.parametrize('name', SAVES)
def test_a_full_disk(disk, name, count):
    for room in (0, 2 * ROOM): refused(name, disk, lambda room: filled(disk, room), room, OSError, 'No space left')
    count(f'full disks, {name}', 2)


@pytest.mark.parametrize('name', SAVES)
def test_a_file_that_may_not_grow(tmp_path, name, count):
    for room in (0, ROOM): refused(name, tmp_path, limited, room, (OSError, RuntimeError), 'too large|ffmpeg failed')
    count(f'full disks, {name}', 2)
