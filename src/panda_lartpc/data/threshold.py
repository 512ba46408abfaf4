"""From the raw stores of a split to its point store and index: threshold and selection (Panda section 4.1)."""

import logging
from collections import Counter
from collections.abc import Iterator, Sequence
from pathlib import Path

from tqdm import tqdm

from panda_lartpc.data.columns import FAST, new_store
from panda_lartpc.data.decode import decode, select_points
from panda_lartpc.data.events import Event
from panda_lartpc.data.index import BAD_EVENT, KEPT, TOO_FEW_ABOVE, TOO_FEW_POINTS, index_row, write_index
from panda_lartpc.data.pilarnet import BadEvent
from panda_lartpc.data.raw_store import RawStore
from panda_lartpc.data.store import PointWriter
from panda_lartpc.provenance import input_digest, source_digest
from panda_lartpc.settings.data import DataSettings

log = logging.getLogger(__name__)

BLOCK_EVENTS = 256


def threshold_split(
    raw_stores: Sequence[Path], store: Path, index: Path, split: str, settings: DataSettings
) -> dict[str, int]:
    """Keep the points above threshold of the events that have enough of them.

    raw_stores  one for each event file, in file order: the order of the events
    returns     counts: events kept, dropped for too few points before and after the threshold, bad; points kept

    Raises BadEvent for an event with enough points of which none is above threshold (unless bad events are skipped),
    ValueError if no event is kept.
    """
    with new_store(store, FAST) as columns:
        columns.describe(
            kind="points",
            split=split,
            settings=settings.model_dump(include={"min_energy_mev", "min_points", "min_points_after"}),
            raw_stores={path.name: input_digest(path) for path in raw_stores},
            software=source_digest("panda_lartpc.data.threshold"),
        )
        writer = PointWriter(columns)
        rows, count, n_points = _write_kept(writer, raw_stores, settings)
        if not count[KEPT]:
            raise ValueError(
                f"{store}: no event of split {split} is kept ({dict(count)}); lower data.min_points (now "
                f"{settings.min_points}), data.min_points_after or data.min_energy_mev"
            )
        writer.finish()
    write_index(index, [{**row, "split": split} for row in rows])
    numbers = {f"events {status}": n for status, n in count.items()} | {"points": n_points}
    log.info("%s: %s", split, ", ".join(f"{n:,} {what}" for what, n in numbers.items()))
    return numbers


def _write_kept(
    writer: PointWriter, raw_stores: Sequence[Path], settings: DataSettings
) -> tuple[list[dict], Counter, int]:
    """Write the events that are kept; index rows of all events, how many have which status, and points kept."""
    rows: list[dict] = []
    count = Counter({KEPT: 0, TOO_FEW_POINTS: 0, TOO_FEW_ABOVE: 0, BAD_EVENT: 0})
    n_points, waiting = 0, []
    for row, event in _selected_events(raw_stores, settings):
        if event is not None:
            row["event"] = count[KEPT]
            n_points += len(event)
            waiting.append(event)
        count[row["status"]] += 1
        rows.append({"event": -1, **row})
        if len(waiting) == BLOCK_EVENTS:
            writer.append(waiting)
            waiting = []
    if waiting:
        writer.append(waiting)
    return rows, count, n_points


def _selected_events(raw_stores: Sequence[Path], settings: DataSettings) -> Iterator[tuple[dict, Event | None]]:
    """Index row of each event, and the event itself where it is kept."""
    for path in raw_stores:
        raw_store = RawStore(path)
        source = raw_store.attributes["source"]["name"]
        for source_row, reason in raw_store.attributes["skipped"]:
            yield {"source": source, "source_row": source_row, "status": BAD_EVENT, "reason": reason}, None
        raw_events = raw_store.raw_events(point_columns=4)
        bar = tqdm(raw_events, total=len(raw_store), unit="event", desc=path.stem, disable=None)
        for source_row, raw in zip(raw_store.source_rows, bar, strict=True):
            row = {"name": raw.name, "source": source, "source_row": int(source_row), "n_points_raw": len(raw.point)}
            if len(raw.point) < settings.min_points:
                yield {**row, "status": TOO_FEW_POINTS}, None
                continue
            event = decode(raw)
            event = select_points(event, event.energy_mev > settings.min_energy_mev)
            try:
                kept = _has_points(event, f"{path}: event {source_row}", len(raw.point), settings)
            except BadEvent as error:
                if settings.bad_events == "stop":
                    raise
                log.warning("skipped: %s", error)
                yield {**row, "status": BAD_EVENT, "reason": str(error)}, None
                continue
            row |= {"status": KEPT if kept else TOO_FEW_ABOVE, **index_row(event)}
            yield row, event if kept else None


def _has_points(event: Event, where: str, n_before: int, settings: DataSettings) -> bool:
    if len(event) == 0:
        raise BadEvent(
            f"{where} has {n_before} points but 0 above {settings.min_energy_mev} MeV; lower data.min_energy_mev, drop "
            "it with data.min_points, or set data.bad_events to skip"
        )
    return len(event) >= settings.min_points_after
