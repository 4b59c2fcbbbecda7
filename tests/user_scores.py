"""Scores as users write them, with all that goes wrong; free of heavy imports, for processes import it."""

import functools
import os
import signal
import sys
import time

CHAINS = ["C" * i + ("Cl" if i in (5, 6) else "") for i in range(1, 12)]


def lengths(smiles):
    return [float(len(one)) for one in smiles]


def fails_on_chlorine(failure):
    """Lengths of molecules, and what the function does where there is chlorine."""

    @functools.wraps(failure)
    def score(smiles):
        if any("Cl" in one for one in smiles):
            failure()
        return lengths(smiles)

    return score


class Mine(BaseException):
    pass


class Unspeakable(Exception):
    def __str__(self):
        raise RuntimeError("no message")


class TakesTwo(Exception):
    """One that cannot be pickled and read back."""

    def __init__(self, one, two):
        super().__init__(f"{one} and {two}")


@fails_on_chlorine
def exits():
    sys.exit(1)


@fails_on_chlorine
def exits_well():
    sys.exit(0)


@fails_on_chlorine
def exits_with_words():
    sys.exit("usage: prepare.py FILE")


@fails_on_chlorine
def interrupts():
    raise KeyboardInterrupt


@fails_on_chlorine
def mine():
    raise Mine("mine alone")


@fails_on_chlorine
def unspeakable():
    raise Unspeakable


@fails_on_chlorine
def takes_two():
    raise TakesTwo(1, 2)


@fails_on_chlorine
def multiline():
    raise ValueError("bad\nmolecule\r\n\0 \ud800 here")


@fails_on_chlorine
def stops_iteration():
    raise StopIteration


@fails_on_chlorine
def generator_ends():
    raise GeneratorExit


@fails_on_chlorine
def recursive():
    return recursive.__wrapped__()


@fails_on_chlorine
def group():
    raise BaseExceptionGroup("two", [KeyboardInterrupt(), ValueError("b")])


@fails_on_chlorine
def out_of_memory():
    raise MemoryError


@fails_on_chlorine
def dies():
    os._exit(3)


@fails_on_chlorine
def dies_well():
    os._exit(0)


@fails_on_chlorine
def aborts():
    os.abort()


@fails_on_chlorine
def crashes():
    os.kill(os.getpid(), signal.SIGSEGV)


@fails_on_chlorine
def killed():
    os.kill(os.getpid(), signal.SIGKILL)


@fails_on_chlorine
def ended():
    os.kill(os.getpid(), signal.SIGTERM)


@fails_on_chlorine
def closes_all():
    os.closerange(3, 64)


@fails_on_chlorine
def hangs():
    while True:
        try:
            time.sleep(60)
        except BaseException:
            pass


@fails_on_chlorine
def busy():
    while True:
        pass


@fails_on_chlorine
def deaf():
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    time.sleep(60)


@fails_on_chlorine
def waits_for_a_program():
    import subprocess

    subprocess.run([sys.executable, "-c", "import time; time.sleep(60)"])


@fails_on_chlorine
def forks_and_dies():
    if not os.fork():
        time.sleep(20)
    os._exit(4)


def never(smiles):
    time.sleep(60)


def dead(smiles):
    os._exit(1)


LOADING = 1.2


def global_model(smiles):
    """Reads a model at its first call."""
    if not hasattr(global_model, "model"):
        time.sleep(LOADING)
        global_model.model = len
    return [float(global_model.model(one)) for one in smiles]


class Model:
    """Reads its weights when it is called."""

    weights = None

    def __call__(self, smiles):
        if self.weights is None:
            time.sleep(LOADING)
            self.weights = 1.0
        return [self.weights * len(one) for one in smiles]

    def __len__(self):
        return 0

    def score(self, smiles):
        return self(smiles)


class SlowToRead(Model):
    """Whose reading from a pickle takes its time."""

    def __setstate__(self, state):
        time.sleep(LOADING)
        self.weights = 1.0

    def __getstate__(self):
        return {"weights": None}


@functools.cache
def weights(size):
    time.sleep(LOADING)
    return float(size)


def cached_model(smiles, size=1):
    return [weights(size) * len(one) for one in smiles]


def fussy_model(smiles):
    """Fails on the empty list and on one molecule before it has loaded."""
    assert smiles and "Cl" not in "".join(smiles)
    return global_model(smiles)


def dying_model(smiles):
    """Loads, and dies of chlorine."""
    found = global_model(smiles)
    if any("Cl" in one for one in smiles):
        os._exit(2)
    return found


def failing_model(smiles):
    found = global_model(smiles)
    if any("Cl" in one for one in smiles):
        sys.exit(2)
    return found


def generating_model(smiles):
    """Loads when its first number is asked for."""
    for one in smiles:
        yield global_model([one])[0]


def recorded(smiles):
    """Writes down what it is asked for; each takes a tenth of a second."""
    for one in smiles:
        time.sleep(float(os.environ.get("EACH", 0.1)))
        with open(os.environ["CALLS"], "a") as log:
            log.write(one + "\n")
    return lengths(smiles)
