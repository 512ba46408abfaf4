import errno
import os
import pickle
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
import zarr

from panda_lartpc.data import columns
from panda_lartpc.data.columns import BadStore, Columns, new_store, verify_store


@pytest.fixture
def small_shards(monkeypatch):
    """Shards of 64 rows and chunks of 16, so that small columns fill several."""
    monkeypatch.setattr(columns, "SHARD_ROWS", 64)
    monkeypatch.setattr(columns, "CHUNK_ROWS", 16)


def write(path: Path, **rows: np.ndarray) -> Path:
    with new_store(path) as writer:
        writer.describe(kind="test")
        for start in range(0, 1000, 50):
            writer.append({name: values[start : start + 50] for name, values in rows.items()})
    return path


def flip_a_byte(path: Path) -> None:
    data = bytearray(path.read_bytes())
    data[len(data) // 3] ^= 0x10
    path.write_bytes(data)


def test_rows_read_back_bit_for_bit_over_several_shards(tmp_path, small_shards):
    rng = np.random.default_rng(0)
    rows = {
        "noise": rng.integers(0, 2**32, 1000, dtype=np.uint32).view(np.float32),  # NaNs with payload, -0.0, subnormals
        "zero": np.full(1000, -0.0, dtype=np.float32),
        "pair": rng.integers(-9, 9, (1000, 2)).astype(np.int16),
    }
    store = Columns(write(tmp_path / "a.zarr", **rows))
    for name, values in rows.items():
        assert store.rows(name) == 1000
        assert store.read(name).tobytes() == values.tobytes()
        assert store.read(name, 60, 70).tobytes() == values[60:70].tobytes()
    assert len(list((tmp_path / "a.zarr/noise/c").iterdir())) == 16


def test_plain_zarr_reads_the_store(tmp_path):
    path = write(tmp_path / "a.zarr", x=np.arange(1000))
    assert zarr.open_array(path / "x", mode="r")[:].tolist() == list(range(1000))


def test_a_store_has_one_digest_whatever_the_order_of_its_columns(tmp_path):
    rows = {"energy": np.arange(3.0), "label": np.arange(3)}
    first, second = (
        write(tmp_path / name, **{key: rows[key] for key in order})
        for name, order in (("a.zarr", ("energy", "label")), ("b.zarr", ("label", "energy")))
    )
    assert (first / "zarr.json").read_bytes() == (second / "zarr.json").read_bytes()


def test_a_flipped_byte_is_found_when_it_is_read(tmp_path, small_shards):
    path = write(tmp_path / "a.zarr", x=np.random.default_rng(0).normal(size=1000))
    flip_a_byte(path / "x/c/2")
    store = Columns(path)
    store.read("x", 0, 128)
    with pytest.raises(
        BadStore, match=r"a\.zarr: column x, rows 128 to 192: .*; the bytes on disk have changed: delete"
    ):
        store.read("x", 128, 192)
    with pytest.raises(BadStore, match="column x"):
        verify_store(path)


def test_a_lost_shard_is_not_read_as_zeros(tmp_path, small_shards):
    path = write(tmp_path / "a.zarr", x=np.arange(1000))
    (path / "x/c/3").unlink()
    with pytest.raises(BadStore, match=r"column x lacks shards \[3\]; delete the store and make it again"):
        Columns(path)


def test_a_block_that_fails_leaves_nothing(tmp_path):
    with pytest.raises(RuntimeError, match="died"), new_store(tmp_path / "a.zarr") as writer:
        writer.append({"x": np.arange(10)})
        raise RuntimeError("died")
    assert list(tmp_path.iterdir()) == []


def test_a_store_that_was_not_finished_is_refused(tmp_path):
    zarr.create_group(tmp_path / "a.zarr").create_array("x", shape=(3,), dtype="i4")
    with pytest.raises(BadStore, match="format is None, expected .* was not finished, .* delete it and make it again"):
        Columns(tmp_path / "a.zarr")
    (tmp_path / "b.zarr").mkdir()
    with pytest.raises(BadStore, match=r"b\.zarr: not a Zarr store"):
        Columns(tmp_path / "b.zarr")
    with pytest.raises(FileNotFoundError, match=r"c\.zarr: no such store; make it with `snakemake"):
        Columns(tmp_path / "c.zarr")


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can mount the small disk that this test fills")
def test_a_full_disk_is_named_and_leaves_nothing(tmp_path):
    mount = subprocess.run(["mount", "-t", "tmpfs", "-o", "size=256k", "tmpfs", tmp_path], capture_output=True)
    if mount.returncode:
        pytest.skip(f"no disk could be mounted: {mount.stderr.decode().strip()}")
    try:
        with (
            pytest.raises(OSError, match=r"a\.zarr: cannot be written .*No space left.*; free space") as caught,
            new_store(tmp_path / "a.zarr") as writer,
        ):
            writer.append({"x": np.random.default_rng(0).normal(size=100_000)})
        assert caught.value.errno == errno.ENOSPC
        assert list(tmp_path.iterdir()) == []
    finally:
        subprocess.run(["umount", tmp_path], check=True)


LIMITED_WRITER = """
import resource, sys
import numpy as np
from panda_lartpc.data.columns import new_store
resource.setrlimit(resource.RLIMIT_FSIZE, (50_000, 50_000))
with new_store(sys.argv[1]) as writer:
    writer.append({"x": np.random.default_rng(0).normal(size=100_000)})
"""


def test_a_write_that_the_system_refuses_leaves_nothing(tmp_path):
    path = tmp_path / "a.zarr"
    done = subprocess.run([sys.executable, "-c", LIMITED_WRITER, str(path)], capture_output=True, text=True)
    assert f"{path}: cannot be written ([Errno 27] File too large" in done.stderr
    assert list(tmp_path.iterdir()) == []


SLOW_WRITER = """
import sys, time
import numpy as np
from panda_lartpc.data.columns import new_store
with new_store(sys.argv[1]) as writer:
    writer.append({"x": np.arange(100)})
    writer.finish()
    print("writing", flush=True)
    time.sleep(60)
"""


def test_a_writer_killed_on_the_way_leaves_no_store_and_the_next_one_cleans_up(tmp_path):
    path = tmp_path / "a.zarr"
    with subprocess.Popen([sys.executable, "-c", SLOW_WRITER, str(path)], stdout=subprocess.PIPE) as process:
        assert process.stdout.readline() == b"writing\n"
        process.kill()
    assert not path.exists()
    assert len(list(tmp_path.iterdir())) == 1
    write(path, x=np.arange(1000))
    assert list(tmp_path.iterdir()) == [path]
    verify_store(path)


def test_an_existing_store_is_replaced_only_when_the_new_one_is_whole(tmp_path):
    path = write(tmp_path / "a.zarr", x=np.arange(1000))
    with pytest.raises(RuntimeError), new_store(path) as writer:
        writer.append({"x": np.arange(3)})
        raise RuntimeError
    assert Columns(path).rows("x") == 1000
    write(path, x=np.arange(900))
    assert Columns(path).rows("x") == 900


def test_an_open_store_may_be_sent_to_another_process(tmp_path):
    store = Columns(write(tmp_path / "a.zarr", x=np.arange(1000)))
    store.read("x", 0, 10)
    assert pickle.loads(pickle.dumps(store)).read("x", 5, 8).tolist() == [5, 6, 7]


def test_bytes_do_not_depend_on_when_or_where_a_store_is_written(tmp_path):
    first = write(tmp_path / "a.zarr", x=np.arange(1000))
    time.sleep(0.01)
    second = write(tmp_path / "elsewhere/b.zarr", x=np.arange(1000))
    contents = [
        {file.relative_to(path): file.read_bytes() for file in path.rglob("*") if file.is_file()}
        for path in (first, second)
    ]
    assert contents[0] == contents[1]
