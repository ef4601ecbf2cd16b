"""The lesson in two processes: `accelerate launch --multi_gpu --num_processes 2 examples/distributed.py`.

Without GPUs (gloo on the CPU): the same with `ACCELERATE_USE_CPU=true` before it, or `torchrun --nproc_per_node 2`.
The first process records and draws; the others stay silent. The recorded path is that of a single process with the
joint batch; the recorded losses are those of the first process's share of each batch.
"""

import sys
from pathlib import Path

import torch
from fastai.basics import SGD, DataLoaders, Learner, MSELossFlat, num_distrib, rank_distrib
from fastai.distributed import DistributedDL  # `fastai.distributed` brings `distrib_ctx`

from fastsgd import AnimateFitCallback, LinearModel, linear_dls


class GlooDL(DistributedDL):
    "fastai sends the order of the items through the GPU, which NCCL asks for; gloo takes it from the CPU"
    def _broadcast(self, t, rank):
        t = torch.as_tensor(t)
        torch.distributed.broadcast(t, rank)
        return t.tolist()


def main(folder='.'):
    dls = linear_dls(100, seed=0) # the full batch, half of it in each process
    learn = Learner(dls, LinearModel(), loss_func=MSELossFlat(), opt_func=SGD, cbs=AnimateFitCallback())
    cpu = not torch.cuda.is_available()
    with learn.distrib_ctx(cpu=cpu):
        if cpu and num_distrib(): learn.dls = DataLoaders(*(GlooDL(dl) for dl in dls), device=dls.device)
        learn.fit(20, lr=0.1)
    if rank_distrib() > 0:
        assert learn.record_params.trajectory is None and learn.record_params.recording is None
        return
    learn.record_params.trajectory.save(Path(folder) / 'distributed.safetensors')
    learn.animate_fit.save(Path(folder) / 'distributed.html')
    print('wrote', Path(folder) / 'distributed.html')


if __name__ == '__main__': main(*sys.argv[1:])
