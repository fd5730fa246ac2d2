"""Settings of work that a Ray cluster shares."""

from __future__ import annotations

from holdfast.core.cluster import Cluster
from holdfast.core.config import Settings, option

CLUSTER_PANEL = "Cluster"


class ClusterSettings(Settings):
    """Where work that is many runs."""

    ray: str | None = option(
        None,
        "Run as tasks of a Ray cluster: local starts one here; auto, HOST:PORT or ray://HOST:PORT finds one.",
        CLUSTER_PANEL,
        metavar="ADDRESS",
    )
    ray_cpus: float = option(1.0, "CPU cores of a task.", CLUSTER_PANEL, metavar="N", above=0)
    ray_gpus: float = option(
        0.0, "GPUs of a task; a fraction lets tasks share one, such as 0.5.", CLUSTER_PANEL, metavar="N"
    )

    def cluster(self) -> Cluster | None:
        """The cluster that is asked for, if one is."""
        return Cluster(self.ray, self.ray_cpus, self.ray_gpus) if self.ray else None
