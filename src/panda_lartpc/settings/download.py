"""Settings of the download of event files (ours)."""

from pydantic import Field

from panda_lartpc.settings.section import Section


class DownloadedFile(Section):
    """One file of a published data set."""

    path: str = Field(
        pattern=r"^(train|val|test)/[\w.-]+\.(h5|parquet)$",
        description="its place in the repository, `<split>/<name>.h5`; names of a split differ",
    )
    sha256: str = Field(
        "",
        pattern="^([0-9a-f]{64})?$",
        description="checksum that it must have; empty: the one that the host states when it is downloaded",
    )


class DownloadSettings(Section):
    """A data set on Hugging Face, or a host with the same addresses."""

    host: str = Field("https://huggingface.co", pattern="^https?://", description="address of the host")
    repository: str = Field("", description="owner and name of the data set, as in `DeepLearnPhysics/PILArNet-M-mini`")
    revision: str = Field("main", min_length=1, description="commit, branch or tag; only a commit stays what it is")
    files: tuple[DownloadedFile, ...] = Field((), description="files to download, in the order of their events")
