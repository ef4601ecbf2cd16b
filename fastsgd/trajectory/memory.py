"""Memory for what stays: in large pieces, apart from what comes and goes. Torch only."""

import contextlib
import mmap

import torch

# From this size on memory is asked of the system itself. Small things that stay, among the large ones that each
# training step takes and gives back, leave the allocator holes that fit nothing: a process grew by 1.8 GB while it kept
# 50 MB.
OWN_PAGES_BYTES = 2**20
ARENA_BYTES = 2**22 # of a piece for small tensors; untouched pages take no memory
PRIVATE = {'flags': mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS} if hasattr(mmap, 'MAP_PRIVATE') else {} # not so on Windows


def total_bytes(tensors) -> int:
    "Bytes of all `tensors` together"
    return sum(t.numel() * t.element_size() for t in tensors)


def roomy(rows: int, numbers: int, dtype, device) -> torch.Tensor: # Shape (rows, numbers), not initialised
    "Room for `rows` of so many `numbers`; a large one on the CPU has pages of its own"
    n_bytes = rows * numbers * dtype.itemsize
    if device.type != 'cpu' or n_bytes < OWN_PAGES_BYTES: return torch.empty(rows, numbers, dtype=dtype, device=device)
    pages = mmap.mmap(-1, n_bytes, **PRIVATE)
    if hasattr(mmap, 'MADV_HUGEPAGE'): # where the system has pages of 2 MiB, the first writing takes half the time
        with contextlib.suppress(OSError): pages.madvise(mmap.MADV_HUGEPAGE)
    return torch.frombuffer(pages, dtype=dtype).view(rows, numbers)


class Arena:
    "Copies of many tensors, one behind the other in few large pieces of memory"
    def __init__(self): self._piece, self._used = torch.empty(0, dtype=torch.uint8), 0

    def copy(self, t) -> torch.Tensor:
        "A copy of `t` on its device"
        size = t.numel() * t.element_size()
        if t.device.type != 'cpu' or not size: return t.clone()
        if self._used + size > len(self._piece):
            self._piece, self._used = roomy(1, max(size, ARENA_BYTES), torch.uint8, t.device)[0], 0
        place = self._piece[self._used:self._used + size]
        self._used += -(-size // 64) * 64 # a start that suits any type
        return place.view(t.dtype).view(t.shape).copy_(t)
