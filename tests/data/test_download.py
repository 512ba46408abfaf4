"""Downloads end with the right bytes or with none, and go on where they were broken off."""

import hashlib

import pytest

from dataset_host import REPOSITORY, dataset_host
from panda_lartpc.data import download as module
from panda_lartpc.data.download import download, stated_licence
from panda_lartpc.settings.download import DownloadSettings

BODY = bytes(range(256)) * 40
SHA256 = hashlib.sha256(BODY).hexdigest()
PATH = "train/a.h5"


@pytest.fixture(autouse=True)
def _without_pauses(monkeypatch):
    monkeypatch.setattr(module, "PAUSE_S", 0)


def settings(host) -> DownloadSettings:
    return DownloadSettings(host=host.address, repository=REPOSITORY, revision="main")


@pytest.mark.parametrize("sha256", [SHA256, ""])
def test_a_file_comes_whole_with_its_licence(tmp_path, sha256):
    with dataset_host({PATH: BODY}) as host:
        stated = download(settings(host), PATH, sha256, tmp_path / "train/a.h5")
    assert stated == {"licence": "apache-2.0", "sha256": SHA256, "n_bytes": len(BODY)}
    assert (tmp_path / "train/a.h5").read_bytes() == BODY
    assert [file.name for file in (tmp_path / "train").iterdir()] == ["a.h5"]


def test_a_card_without_licence_is_told_so():
    with dataset_host({}, licence="") as host:
        assert stated_licence(settings(host)) == ""


@pytest.mark.parametrize(("ranges", "asked"), [(True, [0, 1000, 2000]), (False, [0, 1000, 1000])])
def test_a_broken_connection_is_taken_up_where_it_ended(tmp_path, ranges, asked):
    with dataset_host({PATH: BODY}, cut=1000, cuts=2, ranges=ranges) as host:
        download(settings(host), PATH, SHA256, tmp_path / "a.h5")
        assert host.asked == asked
    assert (tmp_path / "a.h5").read_bytes() == BODY


def test_what_came_stays_for_the_next_call_but_not_under_the_name(tmp_path):
    with dataset_host({PATH: BODY}, cut=100, cuts=5) as host:
        with pytest.raises(OSError, match=r"500 of 10,240 bytes.*try again"):
            download(settings(host), PATH, SHA256, tmp_path / "a.h5")
        assert not (tmp_path / "a.h5").exists()
        download(settings(host), PATH, SHA256, tmp_path / "a.h5")
        assert host.asked == [0, 100, 200, 300, 400, 500]
    assert (tmp_path / "a.h5").read_bytes() == BODY


def test_wrong_bytes_are_removed_and_told(tmp_path):
    (tmp_path / ".a.h5.part").write_bytes(b"something else")
    with dataset_host({PATH: BODY}) as host:
        with pytest.raises(ValueError, match=f"expected {SHA256}; what was downloaded is removed: try again"):
            download(settings(host), PATH, SHA256, tmp_path / "a.h5")
        assert list(tmp_path.iterdir()) == []
        download(settings(host), PATH, SHA256, tmp_path / "a.h5")


def test_another_file_than_expected_is_not_even_begun(tmp_path):
    with dataset_host({PATH: BODY + b"new"}) as host:
        with pytest.raises(ValueError, match=f"expected {SHA256}; is the revision right"):
            download(settings(host), PATH, SHA256, tmp_path / "a.h5")
        assert host.asked == []


def test_a_file_that_is_not_there_is_told_with_those_that_are(tmp_path):
    with (
        dataset_host({"train/b.h5": BODY}) as host,
        pytest.raises(ValueError, match=r"has no train/a\.h5; it has train/b\.h5: correct data\.download"),
    ):
        download(settings(host), PATH, SHA256, tmp_path / "a.h5")


def test_without_the_internet_it_says_so(tmp_path):
    with dataset_host({PATH: BODY}) as host:
        gone = settings(host)
    with pytest.raises(OSError, match=r"revision/main: .*downloads need the internet"):
        download(gone, PATH, SHA256, tmp_path / "a.h5")
