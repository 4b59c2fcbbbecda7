"""What other processes are made to do: apart from the tests, for a process imports it by its name."""

import os
import time


def double(items):
    return [2 * item for item in items]


def awkward(items):
    """Hangs on 7, dies on 8, is quick on all others."""
    for item in items:
        if item == 7:
            time.sleep(3600)
        if item == 8:
            os._exit(1)
    return items


def refuse(items):
    if items:
        raise KeyError("from the worker")


def whose(items):
    """Its process, and how often that was asked; hangs on 7."""
    whose.asked = getattr(whose, "asked", -1) + 1
    if 7 in items:
        time.sleep(3600)
    return [(os.getpid(), whose.asked)] * len(items)


def refuse_the_first(files):
    """Makes the files, slowly but for the first of all, which it then refuses."""
    for file in files:
        file.touch()
        if file.name == "0":
            raise KeyError("from the worker")
        time.sleep(5)
    return files


class Counts:
    """How often it was called, and what it is told to do."""

    calls = 0

    def __call__(self, what):
        self.calls += 1
        if what == "raise":
            raise KeyError("from the worker")
        if what == "die":
            os._exit(5)
        if what == "hang":
            time.sleep(3600)
        return os.getpid(), self.calls
