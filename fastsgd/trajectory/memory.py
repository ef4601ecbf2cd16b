"""Memory for what stays: in large pieces, apart from what comes and goes. Torch only."""

import contextlib
import mmap

import torch

# From this size on memory is asked of the system itself. Small things that stay, among the large ones that each
# training step takes and gives back, leave the allocator holes that fit nothing: a process grew by 1.8 GB while it kept
# 50 MB.
OWN_PAGES_BYTES = 2**20
FIRST_PIECE, ARENA_BYTES = 2**16, 2**22 # of a piece for small tensors, at first and at the most
PRIVATE = {'flags': mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS} if hasattr(mmap, 'MAP_PRIVATE') else {} # not so on Windows

NO_PIECE = torch.empty(0), 0


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
    "Copies of many tensors, one behind the other in few pieces of memory, each larger than the one before"
    def __init__(self): self._pieces = {} # type -> (numbers, how many of them are taken)

    def copy(self, t) -> torch.Tensor:
        "A copy of `t` on its device, a plain tensor outside of any graph"
        size = t.numel()
        if t.requires_grad: t = t.detach()
        if t.device.type != 'cpu' or not size: return t.clone().as_subclass(torch.Tensor)
        piece, used = self._pieces.get(t.dtype, NO_PIECE)
        if used + size > len(piece):
            room = min(max(4 * len(piece), FIRST_PIECE // t.element_size()), ARENA_BYTES // t.element_size())
            piece, used = roomy(1, max(size, room), t.dtype, t.device)[0], 0
        self._pieces[t.dtype] = piece, used + size
        return piece[used:used + size].view(t.shape).copy_(t)
