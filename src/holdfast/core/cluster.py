"""Work that is many, as Ray tasks: what a lost worker had not delivered is done again, and nothing else.

    for key, result in spread(units, work, Cluster("local")): ...

A unit gives results by key, one after the other; each is at the driver as soon as it is there. `work` is a function of
a module, called on a worker with what the unit was given and the keys that are still wanted. Ray is imported only here.
"""

from __future__ import annotations

import importlib
import os
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any, TypeVar

from holdfast import __version__
from holdfast.core.errors import HoldfastError, RunError, UsageError

TRIES = 4  # of a unit that loses its worker again and again
BEAT_S = 1.0
LEAST_WAITING = 64  # units handed over ahead of free places, so that a cluster that can grow sees what is wanted

T = TypeVar("T")
Work = Callable[[Any, Sequence[str]], Iterator[tuple[str, Any]]]
Reader = Callable[[Any, Any, int], Iterator[Any]]


@dataclass(frozen=True)
class Cluster:
    """Where units run, and what each takes: `local` starts Ray here; `auto`, HOST:PORT or ray://… finds one."""

    address: str
    cpus: float = 1.0
    gpus: float = 0.0


@dataclass(frozen=True)
class Unit:
    """Results that are made together, by key, and what the work is given."""

    keys: tuple[str, ...]
    given: Any


def _at_work(work: Work, given: Any, keys: Sequence[str], version: str) -> Iterator[tuple[str, Any]]:
    check_version(version)
    yield from work(given, keys)


def _reading(work: Reader, given: Any, shared: Any, known: int, version: str) -> Iterator[Any]:
    check_version(version)
    yield from work(given, shared, known)


_opened: dict[str, Any] = {}  # of this process, which does many units of one command


def opened_once(key: str, make: Callable[[], T]) -> T:
    """What the units of a command share on a worker: made at the first, let go for another command's."""
    if key not in _opened:
        made = make()
        _opened.clear()
        _opened[key] = made
    found: T = _opened[key]
    return found


def check_version(version: str) -> None:
    """Raise UsageError on a worker whose version is not the driver's."""
    if version != __version__:
        raise UsageError(f"a worker has holdfast {__version__}, the driver {version}", "install one version everywhere")


def connect(cluster: Cluster) -> Any:
    """Ray, started or found. Raises UsageError where it is not installed, and RunError where no cluster answers."""
    try:
        ray: Any = importlib.import_module("ray")
    except ModuleNotFoundError as error:
        raise UsageError("--ray needs Ray, which is not installed", 'pip install "holdfast[ray]"') from error
    # Ray would otherwise warn of a change to come, and start each worker through uv where uv started this.
    os.environ.setdefault("RAY_ENABLE_UV_RUN_RUNTIME_ENV", "0")
    os.environ.setdefault("RAY_ACCEL_ENV_VAR_OVERRIDE_ON_ZERO", "0")
    started_here = {"include_dashboard": False} if cluster.address == "local" else {}
    try:
        if not ray.is_initialized():
            ray.init(address=cluster.address, log_to_driver=False, logging_level="ERROR", **started_here)
    except (ConnectionError, RuntimeError, ValueError, TimeoutError) as error:
        raise RunError(
            f"no Ray cluster answers at `{cluster.address}`: {first_line(error)}", "--ray local starts one here"
        ) from error
    return ray


def check_room(ray: Any, cluster: Cluster) -> int:
    """How many units the cluster can do at once. Raises UsageError where no node has what one of them takes."""
    nodes = [node["Resources"] for node in ray.nodes() if node["Alive"]]
    needs = {kind: value for kind, value in (("CPU", cluster.cpus), ("GPU", cluster.gpus)) if value}
    if room := sum(int(min(node.get(kind, 0.0) / value for kind, value in needs.items())) for node in nodes):
        return room
    most = {kind: max((node.get(kind, 0.0) for node in nodes), default=0.0) for kind in needs}
    raise UsageError(
        "no node of the cluster has what a task takes: "
        + ", ".join(f"{value:g} {kind}, the most is {most[kind]:g}" for kind, value in needs.items()),
        "ask for less: --ray-cpus, --ray-gpus",
    )


def spread(
    units: Sequence[Unit], work: Work, cluster: Cluster, tell: Callable[[str], None] = lambda _: None
) -> Iterator[tuple[str, Any]]:
    """The results of all units as they come, each key once.

    `tell` hears of lost workers. Raises the HoldfastError that a worker raised, and RunError for a unit that lost its
    worker too often or a worker without this package.
    """
    ray = connect(cluster)
    room = check_room(ray, cluster)
    task = ray.remote(_at_work).options(
        num_cpus=cluster.cpus, num_gpus=cluster.gpus, max_retries=0, num_returns="streaming"
    )
    waiting = deque((unit, list(unit.keys), 1) for unit in units)
    flying: dict[Any, tuple[Unit, list[str], int]] = {}
    try:
        while waiting or flying:
            while waiting and len(flying) < max(LEAST_WAITING, 2 * room):
                unit, left, tries = waiting.popleft()
                flying[task.remote(work, unit.given, left, __version__)] = unit, left, tries
            ready, _ = ray.wait(list(flying), num_returns=1, timeout=BEAT_S, fetch_local=False)
            for stream in ready:
                unit, left, tries = flying[stream]
                try:
                    key, result = ray.get(next(stream))
                except StopIteration:
                    del flying[stream]
                    continue
                except Exception as error:
                    del flying[stream]
                    judge_loss(ray, error, left[0], tries, tell)
                    waiting.appendleft((unit, left, tries + 1))
                    continue
                if key in left:
                    left.remove(key)
                    yield key, result
    finally:
        for stream in flying:
            ray.cancel(stream, force=True)


def in_order(
    units: Sequence[tuple[str, Any]],
    work: Reader,
    shared: Any,
    cluster: Cluster,
    tell: Callable[[str], None] = lambda _: None,
    known: Sequence[int] = (),
) -> Iterator[tuple[int, Any]]:
    """The results of all units with the unit's number, those of the first unit first, each once.

    units: a name and what the work is given, for each. shared: what every unit is given, sent once to a node. known:
    how many results of each unit are there already. Twice as many units are under way as the cluster has room for; what
    they gave lies in the cluster until it is its turn. Raises what `spread` raises.
    """
    ray = connect(cluster)
    room = check_room(ray, cluster)
    task = ray.remote(_reading).options(
        num_cpus=cluster.cpus, num_gpus=cluster.gpus, max_retries=0, num_returns="streaming"
    )
    sent = ray.put(shared)
    had = dict(enumerate(known))

    def begin(number: int) -> Any:
        return task.remote(work, units[number][1], sent, had.get(number, 0), __version__)

    flying: deque[Any] = deque(begin(number) for number in range(min(len(units), 2 * room)))
    try:
        for number, (name, _) in enumerate(units):
            tries = 1
            while True:
                try:
                    result = ray.get(next(flying[0]))
                except StopIteration:
                    break
                except Exception as error:
                    judge_loss(ray, error, name, tries, tell)
                    tries += 1
                    flying[0] = begin(number)
                    continue
                had[number] = had.get(number, 0) + 1
                yield number, result
            flying.popleft()
            if number + 2 * room < len(units):
                flying.append(begin(number + 2 * room))
    finally:
        for stream in flying:
            ray.cancel(stream, force=True)


def judge_loss(ray: Any, error: Exception, name: str, tries: int, tell: Callable[[str], None]) -> None:
    """Raise what the work itself raised, and RunError for a unit that lost its worker too often; else tell of it."""
    raise_own(ray, error)
    if tries == TRIES:
        raise RunError(
            f"`{name}` lost its worker {TRIES} times: {first_line(error)}",
            "give each task more memory: --ray-cpus; what was done is kept, and the same command resumes it",
        ) from error
    tell(f"a worker was lost; `{name}` is done again")


def raise_own(ray: Any, error: Exception) -> None:
    """Raise what the work itself raised; return for what befell its worker."""
    if not isinstance(error, ray.exceptions.RayTaskError):
        if isinstance(error, ray.exceptions.RayError):
            return
        raise error
    cause = error.cause
    if isinstance(cause, HoldfastError):
        raise cause
    if isinstance(cause, ModuleNotFoundError) or "No module named 'holdfast'" in str(error):
        raise RunError(
            f"a worker of the cluster lacks a package: {first_line(cause)}",
            f"install holdfast {__version__} with the same extras on every node",
        ) from error
    raise error


def first_line(error: BaseException) -> str:
    return next(iter(str(error).splitlines()), type(error).__name__)
