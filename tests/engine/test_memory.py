"""Memory that tensors borrow: whoever still looks at it keeps it."""

import bisect
import copy
import gc
import os
import subprocess
import sys
import threading
import time
import tracemalloc
from types import SimpleNamespace

import numpy as np
import pytest
import torch

from ddvae.engine import memory
from ddvae.engine.memory import Pool

MB = 1 << 20


@pytest.fixture
def pool():
    return Pool()


def test_a_block_is_used_again(pool):
    a = pool.take(MB)
    address = a.data_ptr()
    del a
    b = pool.take(MB - 100)
    assert b.data_ptr() == address and address % 64 == 0
    assert b.dtype == torch.uint8 and b.shape == (MB - 100,)


VIEWS = {
    "slice": lambda x: x[5:10],
    "type and shape": lambda x: x.view(torch.float32).view(4, -1).t(),
    "array": lambda x: x.numpy()[::2],
    "memory": lambda x: memoryview(x.numpy()),
    "storage": lambda x: x.untyped_storage(),
    "capsule": lambda x: torch.utils.dlpack.to_dlpack(x),
    "detached": lambda x: x.view(torch.float32).requires_grad_().detach(),
    "parameter": lambda x: torch.nn.Parameter(x.view(torch.float32)),
    "shallow copy": copy.copy,
}


@pytest.mark.parametrize("view", VIEWS)
def test_whoever_looks_at_a_block_keeps_it(pool, view):
    first = pool.take(MB)
    address, other = first.data_ptr(), VIEWS[view](first)
    del first
    second = pool.take(MB)
    assert second.data_ptr() != address
    del other
    assert pool.take(MB).data_ptr() == address


def test_a_backward_pass_keeps_what_it_saved(pool):
    x = pool.take(MB).view(torch.float32)
    x.fill_(3.0)
    address, weight = x.data_ptr(), torch.ones(len(x), requires_grad=True)
    loss = (x * weight).sum()
    del x
    other = pool.take(MB).fill_(0)
    loss.backward()
    assert (weight.grad == 3.0).all() and other.data_ptr() != address
    del loss
    assert pool.take(MB).data_ptr() == address


def test_copies_have_their_own_memory(pool):
    x = pool.take(MB).fill_(7)
    address, deep, clone = x.data_ptr(), copy.deepcopy(x), x.clone()
    del x
    again = pool.take(MB).fill_(0)
    assert again.data_ptr() == address and (deep == 7).all() and (clone == 7).all()


def test_a_tensor_moved_to_shared_memory_gives_its_block_back(pool):
    x = pool.take(MB).fill_(7)
    address = x.data_ptr()
    x.share_memory_()
    assert pool.take(MB).data_ptr() == address and (x == 7).all()


def test_the_smallest_block_that_fits_is_taken_and_growing_sizes_leave_one_block(pool):
    blocks = [pool.take(n * MB) for n in (3, 1, 2)]
    addresses = [x.data_ptr() for x in blocks]
    del blocks
    assert pool.take(2 * MB).data_ptr() == addresses[2]
    tracemalloc.start()
    pool = Pool()
    for n in range(1, 9):
        pool.take(n * MB)
    held = tracemalloc.get_traced_memory()[0]
    tracemalloc.stop()
    assert 8 * MB <= held < 9 * MB


def test_a_tensor_may_die_in_a_garbage_collection_amid_a_call(pool):
    """Collections fall on any allocation, those under the lock included."""

    def work():
        for _ in range(3_000):
            cycle = [pool.take(1000)]
            cycle.append(cycle)

    thresholds = gc.get_threshold()
    gc.set_threshold(1)
    try:
        thread = threading.Thread(target=work, daemon=True)
        thread.start()
        thread.join(60)
    finally:
        gc.set_threshold(*thresholds)
    assert not thread.is_alive()


def test_a_tensor_may_die_while_another_thread_takes_one(pool):
    x = pool.take(MB)
    address, freed = x.data_ptr(), threading.Event()
    held = [x]
    del x

    def free():
        held.clear()
        freed.set()

    with pool._lock:  # as amid `take`
        threading.Thread(target=free, daemon=True).start()
        assert freed.wait(60)
    assert pool.take(MB).data_ptr() == address


@pytest.fixture
def hesitant(monkeypatch):
    """Another thread may take its turn between finding a block and taking it."""

    def find(*arguments, **options):
        place = bisect.bisect_left(*arguments, **options)
        time.sleep(1e-4)
        return place

    monkeypatch.setattr(memory, "bisect", SimpleNamespace(insort=bisect.insort, bisect_left=find))


def test_threads_share_a_pool(pool, hesitant):
    """What a thread asked for and wrote stays until it lets go, often to another thread."""
    wrong, handed = [], [None] * 8

    def work(me):
        random = np.random.RandomState(me)
        try:
            for size in random.randint(1, 20, 200) * 10:
                x = pool.take(int(size)).fill_(me)
                handed[random.randint(8)] = x  # what was there dies, or in the next turn of its own thread
                assert len(x) == size and (x == me).all()
        except Exception as error:
            wrong.append(error)

    threads = [threading.Thread(target=work, args=(i,)) for i in range(4)]
    [thread.start() for thread in threads]
    [thread.join() for thread in threads]
    assert not wrong


FORKED = """
import os, signal, threading, torch
from ddvae.engine.memory import Pool

torch.set_num_threads(1)  # OpenMP's own threads are lost by a fork
pool = Pool()
kept, dropped = pool.take(1 << 20).fill_(5), pool.take(1 << 20)
del dropped
held, leave = threading.Event(), threading.Event()

def hold():
    with pool._lock:
        held.set()
        leave.wait()

threading.Thread(target=hold, daemon=True).start()
held.wait()
child = os.fork()
if child == 0:
    signal.alarm(60)
    address = kept.data_ptr()
    others = [pool.take(1 << 20).fill_(1) for _ in range(3)]
    assert (kept == 5).all() and address not in [x.data_ptr() for x in others]
    del kept
    assert pool.take(1 << 20).data_ptr() == address
    os._exit(7)
leave.set()
print(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]), (kept == 5).all().item())
"""


@pytest.mark.skipif(not hasattr(os, "fork"), reason="no fork here")
def test_a_forked_process_goes_on(pool):
    """While a thread that the child lacks holds the lock."""
    found = subprocess.run([sys.executable, "-c", FORKED], capture_output=True, text=True, check=True)
    assert found.stdout.split() == ["7", "True"], found.stderr
