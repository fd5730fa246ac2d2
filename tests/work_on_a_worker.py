"""What the tests of the cluster have workers do."""

import os
import time

from holdfast.core.errors import UsageError


def slow(given, keys):
    for key in keys:
        time.sleep(given["seconds"])
        with open(given["log"], "a") as file:
            file.write(f"{key}\n")
        yield key, os.getpid()


def counted(given, shared, known):
    for i in range(known, given["results"]):
        time.sleep(given["seconds"])
        yield (given["name"], i, shared["tag"], os.getpid())


def refused(given, keys):
    yield keys[0], 1
    raise UsageError("the second cannot be", "leave it out")


def dies(given, keys):
    """The first worker dies for good; so does every later one, unless told otherwise."""
    with open(given["log"], "a") as file:
        file.write("tried\n")
    os._exit(1)
    yield keys[0], 1


def broken(given, keys):
    raise ModuleNotFoundError("No module named 'peft'")
    yield keys[0], 1
