"""A study of published files begins with their download; `real-mini.yaml` names the published ones."""

import hashlib
import json

import pytest
import yaml

from dataset_host import REPOSITORY, dataset_host
from panda_lartpc.settings.section import ConfigError
from panda_lartpc.settings.study import read_study
from small_events import make_event, write_h5
from small_project import ROOT, Project

pytestmark = pytest.mark.xdist_group("workflow")


def test_files_come_from_the_host_once_and_are_ingested(tmp_path):
    paths = [f"{split}/generic_v2_2_{split}.h5" for split in ("train", "val", "test")]
    files = {
        path: write_h5(tmp_path / "host" / path, [make_event(i, n_points=60) for i in range(2)]).read_bytes()
        for path in paths
    }
    project = Project(tmp_path / "project", {})
    with dataset_host(files) as host:
        first = {"path": paths[0], "sha256": hashlib.sha256(files[paths[0]]).hexdigest()}
        source = {"host": host.address, "repository": REPOSITORY, "files": [first, *({"path": p} for p in paths[1:])]}
        data = {"source": "download", "min_points": 20, "download": source}
        config = ("name=fetched", f"data={json.dumps(data)}")
        said = project.snakemake("data", config=config)
    assert f"{REPOSITORY}, {paths[0]}: licence as its card states it: apache-2.0" in said
    fetched = project.folder / "results/fetched"
    assert all((fetched / "download" / path).read_bytes() == body for path, body in files.items())
    record = json.loads((fetched / f"records/download/{paths[1]}.json").read_text())
    assert record["settings"]["sha256"] == hashlib.sha256(files[paths[1]]).hexdigest()
    assert project.jobs("data", config=config) == {}  # nor is the host asked again: it is gone


def test_every_split_must_be_downloaded():
    data = {"source": "download", "download": {"repository": "a/b", "files": [{"path": "val/x.h5"}]}}
    with pytest.raises(ConfigError, match="download.files has none of train, test"):
        read_study({"name": "x", "data": data})
    with pytest.raises(ConfigError, match=r"download\.repository is empty"):
        read_study({"name": "x", "data": {"source": "download"}})
    twice = {"path": "val/x.h5"}
    with pytest.raises(ConfigError, match=r"download\.files has val/x\.h5 twice"):
        read_study({"name": "x", "data": {"download": {"files": [twice, twice]}}})


def test_the_mini_set_is_pinned_by_commit_and_checksums():
    config = yaml.safe_load((ROOT / "workflow/config/real-mini.yaml").read_text())
    settings = read_study(config).data.download
    assert len(settings.revision) == 40
    assert [(file.path, len(file.sha256)) for file in settings.files] == [
        ("train/generic_v2_80_v2.h5", 64),
        ("val/generic_v2_20_v2.h5", 64),
        ("test/generic_v2_20_v2.h5", 64),
    ]
