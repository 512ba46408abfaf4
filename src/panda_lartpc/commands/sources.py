"""What the commands can look into: files of events, raw stores and point stores, opened by their path alone."""

from pathlib import Path

from panda_lartpc.data.checks import check_event
from panda_lartpc.data.columns import BadStore, Columns
from panda_lartpc.data.decode import decode
from panda_lartpc.data.events import Event
from panda_lartpc.data.pilarnet import PilarnetFile
from panda_lartpc.data.raw_store import RawStore
from panda_lartpc.data.store import PointStore

Source = PilarnetFile | RawStore | PointStore


def open_source(path: Path) -> Source:
    """Open a PILArNet-M file (HDF5 or Parquet), a raw store or a point store.

    Raises FileNotFoundError, or a ValueError that says what the path is instead.
    """
    if not (path.is_dir() or path.suffix == ".zarr"):
        return PilarnetFile(path)
    match Columns(path).attributes.get("kind"):
        case "raw":
            return RawStore(path)
        case "points":
            return PointStore(path)
        case kind:
            raise BadStore(f"{path}: is a store of {kind}, expected raw events or points above threshold")


def check_number(source: Source, i: int) -> None:
    """Raise ValueError if the source has no event `i`."""
    if not 0 <= i < len(source):
        raise ValueError(f"{source.path}: event {i} asked for, but it holds events 0 to {len(source) - 1}")


def read_event(source: Source, i: int) -> Event:
    """Event `i` with its labels. Raises ValueError if there is none, or BadEvent if it violates the format."""
    check_number(source, i)
    if isinstance(source, PointStore):
        return source.event(i)
    raw = source.raw_event(i)
    check_event(raw, f"{source.path}: event {i}")
    return decode(raw)
