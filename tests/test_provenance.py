"""Digests change when results would, and only then; files appear whole or not at all."""

import hashlib
import os
from pathlib import Path

import numpy as np
import pytest

from panda_lartpc.provenance import atomic_path, file_digest, read_record, save_record, source_digest


@pytest.fixture
def project(tmp_path):
    """A script and a package; `change` edits a copy, so that each digest is taken from files not read before."""
    files = {
        "script.py": "from toy.job import work\nwork()\n",
        "toy/__init__.py": "",
        "toy/job.py": '"""Docs."""\nfrom . import table\n\n\ndef work():\n    """More."""\n'
        "    from toy.deep.inner import f\n\n    return f(table.SIZE)  # why\n",
        "toy/table.py": "SIZE = 3\n",
        "toy/deep/__init__.py": "DEPTH = 1\n",
        "toy/deep/inner.py": "from ..other import g\n\n\ndef f(x):\n    return g(x)\n",
        "toy/other.py": "def g(x):\n    return x\n",
        "toy/unused.py": "x = 1\n",
    }
    copies = iter(range(1000))

    def digest(entry="script.py", **changes):
        root = tmp_path / str(next(copies))
        for name, text in (files | {name.replace("__", "/") + ".py": text for name, text in changes.items()}).items():
            (root / name).parent.mkdir(parents=True, exist_ok=True)
            (root / name).write_text(text)
        return source_digest(root / entry if entry.endswith(".py") else entry, package=root / "toy")

    digest.files = files
    return digest


def test_digest_is_the_same_in_another_folder(project):
    assert project() == project()
    assert len(project()) == 64


@pytest.mark.parametrize(
    "text",
    [
        "SIZE = 3  # a comment\n",
        "# a comment\n\n\nSIZE = (\n    3\n)\n",
        '"""A docstring."""\n\nSIZE = 3\n',
    ],
)
def test_comments_docstrings_and_layout_do_not_count(project, text):
    assert project(toy__table=text) == project()


def test_docstrings_of_functions_and_classes_do_not_count(project):
    plain = project(toy__other="class A:\n    def g(self):\n        return 1\n")
    told = project(toy__other='class A:\n    """A."""\n\n    def g(self):\n        """G."""\n        return 1\n')
    assert plain == told
    assert plain != project(toy__other="class A:\n    def g(self):\n        return 2\n")


@pytest.mark.parametrize(
    ("module", "text"),
    [
        ("script", "from toy.job import work\nwork()\nwork()\n"),
        ("toy__job", "def work():\n    pass\n"),  # absolute import
        ("toy__table", "SIZE = 4\n"),  # from package import submodule
        ("toy__deep__inner", "def f(x):\n    return 0\n"),  # inside a function
        ("toy__other", "def g(x):\n    return -x\n"),  # relative, from a sub-package
    ],
)
def test_every_way_of_importing_is_followed(project, module, text):
    assert project(**{module: text}) != project()


def test_package_init_files_on_the_way_count(tmp_path):
    digests = []
    for depth in (1, 2):
        root = tmp_path / str(depth)
        (root / "toy/deep").mkdir(parents=True)
        (root / "toy/__init__.py").write_text("")
        (root / "toy/deep/__init__.py").write_text(f"DEPTH = {depth}\n")
        (root / "toy/deep/inner.py").write_text("x = 1\n")
        (root / "script.py").write_text("import toy.deep.inner\n")
        digests.append(source_digest(root / "script.py", package=root / "toy"))
    assert digests[0] != digests[1]


def test_modules_that_are_not_imported_do_not_count(project):
    assert project(toy__unused="x = 2\n") == project()


def test_a_module_name_is_an_entry_too(project):
    assert project("toy.job") == project("toy.job")
    assert project("toy.job") != project("toy.job", toy__other="def g(x):\n    return -x\n")
    assert project("toy.job") == project("toy.job", script="pass\n")
    with pytest.raises(FileNotFoundError, match="toy.jbo: no such module below .*toy"):
        project("toy.jbo")


def test_a_missing_script_is_named(tmp_path):
    with pytest.raises(FileNotFoundError, match="nothing.py: no such source file"):
        source_digest(tmp_path / "nothing.py")


def test_what_only_watches_a_job_does_not_count(tmp_path):
    digests = {}
    for module in ("tracking", "loop"):
        for version in (1, 2):
            root = tmp_path / module / str(version)
            (root / "panda_lartpc/training").mkdir(parents=True)
            (root / f"panda_lartpc/training/{module}.py").write_text(f"LINES = {version}\n")
            (root / "script.py").write_text(f"from panda_lartpc.training.{module} import LINES\n")
            digests[module, version] = source_digest(root / "script.py", package=root / "panda_lartpc")
    assert digests["tracking", 1] == digests["tracking", 2]
    assert digests["loop", 1] != digests["loop", 2]


def test_file_digest_is_sha256(tmp_path):
    (tmp_path / "a").write_bytes(b"LAr" * 1_000_000)
    assert file_digest(tmp_path / "a") == hashlib.sha256(b"LAr" * 1_000_000).hexdigest()


def test_an_atomic_file_appears_whole(tmp_path):
    path = tmp_path / "new" / "a.json"
    with atomic_path(path) as temporary:
        assert temporary.parent == path.parent
        assert temporary.suffix == ".json"
        temporary.write_text("1")
        assert not path.exists()
    assert path.read_text() == "1"
    assert os.listdir(path.parent) == ["a.json"]


def test_a_failed_atomic_file_leaves_the_old_one_and_nothing_else(tmp_path):
    path = tmp_path / "a.txt"
    path.write_text("old")
    with pytest.raises(RuntimeError), atomic_path(path) as temporary:
        temporary.write_text("half")
        raise RuntimeError
    assert path.read_text() == "old"
    assert os.listdir(tmp_path) == ["a.txt"]


def test_a_record_says_what_went_in_and_is_the_same_everywhere(tmp_path):
    written = []
    for machine in ("one", "two"):
        folder = tmp_path / machine
        (folder / "a.zarr").mkdir(parents=True)
        (folder / "a.zarr" / "zarr.json").write_text("{}")
        (folder / "b.h5").write_bytes(b"b")
        inputs = [folder / "a.zarr", folder / "b.h5"]
        save_record(folder / "r.json", "ingest", {"cut": {"min": 1}}, {"events": np.int64(3)}, inputs, "f" * 64)
        written.append((folder / "r.json").read_bytes())
    assert written[0] == written[1]
    record = read_record(tmp_path / "one" / "r.json")
    assert record["stage"] == "ingest"
    assert record["settings"] == {"cut": {"min": 1}}
    assert record["numbers"] == {"events": 3}
    assert record["inputs"] == {"a.zarr": hashlib.sha256(b"{}").hexdigest(), "b.h5": hashlib.sha256(b"b").hexdigest()}
    assert record["source_digest"] == "f" * 64
    assert record["software"]["numpy"]


@pytest.mark.parametrize(("text", "said"), [("{", "not the record of a job"), ("[]", "lacks"), ("3", "not the record")])
def test_what_is_no_record_is_refused(tmp_path: Path, text, said):
    (tmp_path / "r.json").write_text(text)
    with pytest.raises(ValueError, match=f"r.json: .*{said}.*delete it and run its rule again"):
        read_record(tmp_path / "r.json")
