"""One finished run of the workflow, which all tests of this folder share: their group keeps them in one process."""

import pytest

from small_project import Project


@pytest.fixture(scope="session")
def finished(tmp_path_factory) -> Project:
    """A project whose workflow has run once."""
    files = {"train/a": 3, "train/b": 2, "val/c": 3, "test/d": 2}
    project = Project(tmp_path_factory.mktemp("finished"), files)
    project.snakemake("all")
    return project
