"""One made-up study and its report, which all tests of this folder read."""

import pytest

from made_up_study import made_up_study
from panda_lartpc.report.study.page import write_report


@pytest.fixture(scope="session")
def study(tmp_path_factory):
    return made_up_study(tmp_path_factory.mktemp("made_up"))


@pytest.fixture(scope="session")
def report(study, tmp_path_factory):
    path = tmp_path_factory.mktemp("report") / "report.html"
    write_report(study, path)
    return path
