"""Memory for large tensors that is used again, as every training step asks for the same sizes."""

import bisect
import os
import queue
import threading
import weakref
from operator import attrgetter

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

__all__ = ["Pool"]

ALIGNMENT = 64
"""Bytes of a cache line and of a vector register."""


class Pool:
    """Blocks of memory that tensors borrow.

    The system hands out large pieces of memory as zeroed pages; at a training step's sizes that takes
    longer than the products. A block comes back when nothing looks at its memory any more, no view and no
    array of numpy either. Threads may share a pool; a forked process starts with nothing in it.
    """

    def __init__(self) -> None:
        self._forget()
        if hasattr(os, "register_at_fork"):  # a thread that the child lacks may have held the lock
            os.register_at_fork(after_in_child=self._forget)

    def _forget(self) -> None:
        self._lock = threading.Lock()
        self._free: list[NDArray[np.uint8]] = []  # smallest first
        # A tensor dies at any moment, in a garbage collection amid `take` too; then the lock is held, but
        # this queue may be written to.
        self._returned: queue.SimpleQueue[NDArray[np.uint8]] = queue.SimpleQueue()

    def take(self, size: int) -> Tensor:
        """(size,) uint8 of any content."""
        with self._lock:
            block = self._block(size + ALIGNMENT)
        start = -block.ctypes.data % ALIGNMENT
        lent = block[start : start + size]
        # the tensor's storage, which views share, holds this very array
        weakref.finalize(lent, self._take_back, block).atexit = False
        return torch.from_numpy(lent)

    def _take_back(self, block: NDArray[np.uint8]) -> None:
        self._returned.put(block)

    def _block(self, size: int) -> NDArray[np.uint8]:
        """The smallest free block of that many bytes; else a new one in place of the largest that is free."""
        by_size = attrgetter("nbytes")
        while not self._returned.empty():
            bisect.insort(self._free, self._returned.get(), key=by_size)
        place = bisect.bisect_left(self._free, size, key=by_size)
        if place < len(self._free):
            return self._free.pop(place)
        if self._free:
            self._free.pop()
        return np.empty(size, np.uint8)
