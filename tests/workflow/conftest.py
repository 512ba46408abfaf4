"""One finished run of the workflow, which all tests of this folder share: their group keeps them in one process."""

import pytest

from small_project import EVENT_FILES, Project


@pytest.fixture(scope="session")
def finished(tmp_path_factory) -> Project:
    """A project whose workflow has run once."""
    project = Project(tmp_path_factory.mktemp("finished"), EVENT_FILES)
    project.said = project.snakemake("all")
    return project
