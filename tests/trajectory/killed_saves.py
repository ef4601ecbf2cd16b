"""Kills processes that save, at random moments, and reads what is there. Prints counts as JSON.

A process of its own: a fork is safe only where torch has not started threads.
"""

import json
import os
import random
import re
import signal
import sys
import time
from pathlib import Path

import torch

from fastsgd import FitView, Trajectory, animate

KILLS = 75


def trajectory(k):
    return Trajectory({'a': torch.full((500 + k, 100), float(k))}, losses=torch.full((499 + k,), float(k)),
                      lrs=torch.ones(499 + k))


def line(k): # its animation says what it is in its labels
    model = torch.nn.Linear(1, 1)
    traj = Trajectory({'weight': torch.rand(3, 1, 1), 'bias': torch.rand(3, 1)}, losses=[k, k], lrs=[1., 1.],
                      model=model)
    return animate(traj, FitView(torch.rand(5, 1), torch.rand(5, 1)))


def saved_while_killed(path, savers, whole, rng):
    "Children save in turn what `savers` do; `whole(path)` says which of them the file is from"
    savers[0](path)
    duration = time.perf_counter()
    for save in savers: save(path)
    duration = time.perf_counter() - duration
    seen, caught = set(), 0
    for _ in range(KILLS):
        pid = os.fork()
        if pid == 0:
            try:
                while True:
                    for save in rng.sample(savers, len(savers)): save(path)
            finally: os._exit(1)
        time.sleep(rng.uniform(0, 1.2 * duration))
        os.kill(pid, signal.SIGKILL)
        assert os.waitpid(pid, 0)[1] == signal.SIGKILL, 'the child ended by itself'
        rng.random() # or all children would do the same
        seen.add(whole(path))
        caught += len(os.listdir(path.parent)) > 1 # what it was writing is still there
    savers[0](path) # the next save tidies up
    assert os.listdir(path.parent) == [path.name], os.listdir(path.parent)
    return len(seen), caught


def main(folder):
    torch.set_num_threads(1)
    rng, made = random.Random(0), [trajectory(k) for k in range(3)]

    def which(path):
        traj = Trajectory.load(path)
        k = int(traj.losses[0])
        assert torch.equal(traj.flat, made[k].flat) and torch.equal(traj.losses, made[k].losses)
        return k
    (folder/'trajectories').mkdir()
    results = [saved_while_killed(folder/'trajectories'/'fit.safetensors', [traj.save for traj in made], which, rng)]

    def text(path): # each player has an identifier of its own
        return re.sub('f[0-9a-f]{10}', 'id', path.read_text())
    (folder/'animations').mkdir()
    path = folder/'animations'/'fit.html'
    animations, texts = [line(k) for k in range(3)], {}
    for k, animation in enumerate(animations):
        animation.save(path)
        texts[text(path)] = k
    results.append(saved_while_killed(path, [a.save for a in animations], lambda path: texts[text(path)], rng))
    seen, caught = map(sum, zip(*results))
    print(json.dumps({'trajectories': KILLS, 'animations': KILLS, 'different files': seen,
                      'caught in the middle': caught}))


if __name__ == '__main__': main(Path(sys.argv[1]))
