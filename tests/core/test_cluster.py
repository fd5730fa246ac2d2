"""Units on a Ray cluster of two nodes in one machine: a node that is lost costs what it had not delivered."""

from __future__ import annotations

import os
from collections import Counter
from pathlib import Path

import pytest

import work_on_a_worker
from holdfast.core.cluster import TRIES, Cluster, Unit, in_order, spread
from holdfast.core.errors import RunError, UsageError

ray = pytest.importorskip("ray", reason='ray is not installed: pip install "holdfast[ray]"')


@pytest.fixture(scope="module")
def nodes():
    from ray.cluster_utils import Cluster as Nodes

    before = os.environ.get("PYTHONPATH")
    # What a worker imports must be there: it is started by its node, and not by this process.
    os.environ["PYTHONPATH"] = os.pathsep.join(
        [str(Path(work_on_a_worker.__file__).parent), *([before] if before else [])]
    )
    found = Nodes(initialize_head=True, head_node_args={"num_cpus": 1, "include_dashboard": False})
    yield found
    ray.shutdown()
    found.shutdown()
    os.environ.pop("PYTHONPATH") if before is None else os.environ.update(PYTHONPATH=before)


def units(tmp_path, count=4, each=3, seconds=0.5):
    given = {"seconds": seconds, "log": str(tmp_path / "log")}
    return [Unit(tuple(f"{i}.{j}" for j in range(each)), given) for i in range(count)]


def test_a_node_that_is_lost_costs_what_it_had_not_delivered(tmp_path, nodes):
    second = nodes.add_node(num_cpus=1)
    told, found, gone = [], {}, False
    for key, pid in spread(units(tmp_path), work_on_a_worker.slow, Cluster(nodes.address), told.append):
        assert key not in found
        found[key] = pid
        if len(set(found.values())) == 2 and not gone:  # both nodes have delivered
            nodes.remove_node(second, allow_graceful=False)
            gone = True
    assert gone and sorted(found) == [f"{i}.{j}" for i in range(4) for j in range(3)]
    assert told and "a worker was lost" in told[0]
    done = Counter((tmp_path / "log").read_text().split())
    assert set(done) == set(found) and sum(done.values()) <= len(found) + 1  # at most the one that was under way


def test_what_is_wanted_in_order_comes_in_order_when_a_node_is_lost(nodes):
    second = nodes.add_node(num_cpus=1)
    units = [(name, {"name": name, "results": 4, "seconds": 0.3}) for name in "abcdef"]
    told, found, gone = [], [], False
    for number, result in in_order(
        units, work_on_a_worker.counted, {"tag": 7}, Cluster(nodes.address), told.append, known=[4, 1]
    ):
        found.append((number, *result))
        if len({pid for *_, pid in found}) == 2 and not gone:
            nodes.remove_node(second, allow_graceful=False)
            gone = True
    wanted = [(n, "abcdef"[n], i, 7) for n in range(1, 6) for i in range(1 if n == 1 else 0, 4)]
    assert [one[:4] for one in found] == wanted
    assert gone


def test_what_the_work_refuses_is_refused(tmp_path, nodes):
    results = spread(units(tmp_path, 1), work_on_a_worker.refused, Cluster(nodes.address))
    assert next(results) == ("0.0", 1)
    with pytest.raises(UsageError, match="the second cannot be") as error:
        next(results)
    assert error.value.hint == "leave it out"


def test_a_unit_that_kills_its_workers_is_given_up(tmp_path, nodes):
    with pytest.raises(RunError, match=f"lost its worker {TRIES} times"):
        list(spread(units(tmp_path, 1), work_on_a_worker.dies, Cluster(nodes.address)))
    assert (tmp_path / "log").read_text().count("tried") == TRIES


def test_a_worker_without_a_package_is_named(tmp_path, nodes):
    with pytest.raises(RunError, match="lacks a package: No module named 'peft'"):
        list(spread(units(tmp_path, 1), work_on_a_worker.broken, Cluster(nodes.address)))


def test_a_task_that_fits_no_node_is_refused(tmp_path, nodes):
    with pytest.raises(UsageError, match=r"1 CPU, the most is 1, 0\.5 GPU, the most is 0"):
        list(spread(units(tmp_path, 1), work_on_a_worker.slow, Cluster(nodes.address, gpus=0.5)))
