"""The plan of a scan: files, bytes, and a few seconds of reading them. Imports no torch."""

from __future__ import annotations

import time

from holdfast.api.scan import ScanSettings
from holdfast.core.plan import Plan
from holdfast.core.progress import Progress
from holdfast.data.sources import Source
from holdfast.scanning.engine import Place, make_scanners
from holdfast.scanning.summary import default_scanners

ENOUGH_S = 5.0


def plan_scan(settings: ScanSettings, progress: Progress) -> Plan:
    """What a scan would read, and how long that takes here, from its first seconds."""
    plan = Plan("scan", ", ".join(settings.data), price_per_hour=settings.price_per_hour)
    scanners = make_scanners(settings.scanner or default_scanners(), settings.context())
    source = Source(settings.data, settings.data_split)
    plan.data = {"files": len(source.paths), "bytes": source.size, "scanners": [one.name for one in scanners]}
    reading = [one for one in scanners if not one.needs_model]
    rows, done, began = 0, 0, time.monotonic()
    with progress:
        progress.say("reading, timed")
        file, before = "", 0
        for _, look in Place(1).looks(source, reading):
            if look.file != file:
                before += source.sizes.get(file, 0)
                file = look.file
            rows, done = rows + look.items, before + look.done
            if time.monotonic() - began > ENOUGH_S:
                break
    seconds = time.monotonic() - began
    if source.size and done:
        plan.data["rows"] = round(rows * source.size / done)
        plan.data["rows_per_second"] = round(rows / seconds)
        looks = 2 if any(one.revisits for one in scanners) else 1
        plan.seconds_of_data = looks * seconds * source.size / done / settings.processes()
        plan.at_most += ["time: some scanners look a second time, and are reckoned as all"] if looks == 2 else []
    plan.not_counted += [f"the scanner {one.name}, which reads gradients" for one in scanners if one.needs_model]
    return plan
