"""A process that records grows by at most 1.3 times the budget, whatever the size of the model."""

import re
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
BUDGET = 2**26
TRAIN = """
import re, sys, torch
from torch import nn
from fastsgd.trajectory import Recording
width, record, budget = int(sys.argv[1]), sys.argv[2] == 'recorded', int(sys.argv[3])
torch.set_num_threads(1)
torch.manual_seed(0)
model = nn.Sequential(*(o for _ in range(4) for o in (nn.Linear(width, width), nn.ReLU())), nn.Linear(width, 1))
opt = torch.optim.SGD(model.parameters(), lr=1e-3)
size = sum(p.numel() * 4 for p in model.parameters())
recording = Recording(model, budget) if record else None
for step in range(min(2000, 12 * budget // size)): # far more points than the budget holds
    if record: recording.point()
    loss = model(torch.randn(1, width)).square().mean()
    loss.backward() # gradients come and go at each step
    opt.step()
    opt.zero_grad()
    if record: recording.step(loss, 1e-3)
held = recording.stored_bytes if record else 0
peak = int(re.search(r'VmHWM:\\s+(\\d+) kB', open('/proc/self/status').read()).group(1)) * 1024
print(peak, held)
"""


@pytest.mark.skipif(not Path('/proc/self/status').exists(), reason='the peak of a process is read from /proc')
@pytest.mark.parametrize('width', [60, 250, 1000])
def test_the_process_grows_by_less_than_one_and_a_third_budgets(width, tell, count):
    def run(how):
        done = subprocess.run([sys.executable, '-W', 'ignore', '-c', TRAIN, str(width), how, str(BUDGET)], cwd=ROOT,
                              capture_output=True, text=True, check=True)
        return map(int, re.findall(r'\d+', done.stdout.splitlines()[-1]))
    (plain, _), (recorded, held) = run('plain'), run('recorded')
    grown = recorded - plain
    assert 0.2 * BUDGET < held <= BUDGET and grown < 1.3 * BUDGET, (grown, held)
    tell('memory of a process that records', f'{4 * (width + 1) * width + width + 1:,} parameters: grown by '
         f'{grown / 2**20:.0f} MiB, {held / 2**20:.0f} MiB of points, of a budget of {BUDGET / 2**20:.0f}')
    count('processes whose memory was measured', 2)
