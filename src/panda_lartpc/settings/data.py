"""Settings of the data stages: where events come from, which are kept, which are labelled."""

from typing import Literal, Self

from pydantic import Field, model_validator

from panda_lartpc.detector import ENERGY_THRESHOLD_MEV, MIN_POINTS
from panda_lartpc.settings.download import DownloadSettings
from panda_lartpc.settings.section import Section


class DataSettings(Section):
    """Events: source, selection and threshold (Panda section 4.1)."""

    source: Literal["simulated", "files", "download"] = Field(
        "simulated",
        description="`simulated`: the workflow makes its own events; `files`: it reads the files below `data.root`; "
        "`download`: it fetches those of `data.download`",
    )
    root: str = Field(
        "",
        description="folder with PILArNet-M files, searched as `<root>/*<split>/*.h5` and `<root>/*<split>/*.parquet`",
    )
    download: DownloadSettings = Field(DownloadSettings(), description="files to fetch, where `source` is `download`")
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

    @model_validator(mode="after")
    def _every_split_is_downloaded(self) -> Self:
        paths = [file.path for file in self.download.files]
        if self.source == "download" and not self.download.repository:
            raise ValueError("source is `download` but download.repository is empty; give owner/name of the data set")
        lacking = [
            split for split in ("train", "val", "test") if not any(path.startswith(f"{split}/") for path in paths)
        ]
        if self.source == "download" and lacking:
            raise ValueError(f"source is `download` but download.files has none of {', '.join(lacking)}")
        if twice := sorted({path for path in paths if paths.count(path) > 1}):
            raise ValueError(f"download.files has {', '.join(twice)} twice")
        return self

    def downloaded_files(self) -> dict[str, dict[str, str]]:
        """Checksums of the files to download: split → file name → sha256, or nothing where the host states it."""
        files: dict[str, dict[str, str]] = {"train": {}, "val": {}, "test": {}}
        for file in self.download.files:
            split, name = file.path.split("/")
            files[split][name] = file.sha256
        return files
