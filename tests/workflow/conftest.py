"""One finished run of the workflow that the tests of this folder share."""

from pathlib import Path

import pytest

from small_project import Project


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """All tests of this folder run in one process, since they share one run."""
    for item in items:
        if Path(__file__).parent in item.path.parents:
            item.add_marker(pytest.mark.xdist_group("workflow"))


@pytest.fixture(scope="session")
def finished(tmp_path_factory) -> Project:
    """A project whose workflow has run once."""
    files = {"train/a": 3, "train/b": 2, "val/c": 3, "test/d": 2}
    project = Project(tmp_path_factory.mktemp("finished"), files)
    project.snakemake("all")
    return project
