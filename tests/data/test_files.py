from pathlib import Path

import pytest

from panda_lartpc.data.files import find_files


def touch(root: Path, *paths: str) -> None:
    for path in paths:
        (root / path).parent.mkdir(parents=True, exist_ok=True)
        (root / path).touch()


def names(root: Path, split: str) -> list[str]:
    return [str(path.relative_to(root)) for path in find_files(root, split)]


def test_hdf5_files_of_a_split_are_found_sorted(tmp_path):
    touch(
        tmp_path, "train/generic_v2_9_v2.h5", "train/generic_v2_10_v2.h5", "train/x_points.npy", "val/a.h5", "test/b.h5"
    )
    assert names(tmp_path, "train") == ["train/generic_v2_10_v2.h5", "train/generic_v2_9_v2.h5"]
    assert names(tmp_path, "val") == ["val/a.h5"]


@pytest.mark.parametrize(
    "path",
    ["default/validation/0.parquet", "validation/0.parquet", "x-validation-y/0.parquet", "validation-00000.parquet"],
)
def test_parquet_mirrors_are_found_in_each_of_their_layouts(tmp_path, path):
    touch(tmp_path, path)
    assert names(tmp_path, "val") == [path]


def test_a_missing_split_says_where_it_was_sought(tmp_path):
    with pytest.raises(
        FileNotFoundError, match=r"no event files of split 'test'; looked for \*test/\*\.h5.*data\.root"
    ):
        find_files(tmp_path, "test")


def test_two_files_of_one_name_are_refused(tmp_path):
    touch(tmp_path, "a_train/x.h5", "b_train/x.h5")
    with pytest.raises(ValueError, match="several files of split 'train' are called x; rename one of each"):
        find_files(tmp_path, "train")
