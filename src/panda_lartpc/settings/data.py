"""Settings of the data stages: where events come from, which are kept, which are labelled."""

from typing import Literal

from pydantic import Field

from panda_lartpc.detector import ENERGY_THRESHOLD_MEV, MIN_POINTS
from panda_lartpc.settings.section import Section


class DataSettings(Section):
    """Events: source, selection and threshold (Panda section 4.1)."""

    source: Literal["simulated", "files"] = Field(
        "simulated",
        description="`simulated`: the workflow makes its own events; `files`: it reads the files below `data.root`",
    )
    root: str = Field(
        "",
        description="folder with PILArNet-M files, searched as `<root>/*<split>/*.h5` and `<root>/*<split>/*.parquet`",
    )
    min_energy_mev: float = Field(
        ENERGY_THRESHOLD_MEV, ge=0, lt=20, description="points with this energy (MeV) or less are dropped (section 4.1)"
    )
    min_points: int = Field(
        MIN_POINTS, ge=1, description="events with fewer points before the threshold are dropped (published code: 1024)"
    )
    min_points_after: int = Field(
        1, ge=1, description="events with fewer points after the threshold are dropped; at least 1"
    )
    bad_events: Literal["stop", "skip"] = Field(
        "stop", description="`stop`: an event that violates the format ends the job; `skip`: it is left out and counted"
    )
    training_events: int | None = Field(
        None,
        ge=1,
        description="the first so many events of the training split are its 100 % (paper: 1,000,000); null: all are",
    )
    labelled: Literal["first", "random"] = Field(
        "first",
        description="which events make up a label fraction: the `first` in file order (the paper), or a seeded "
        "`random` draw",
    )
