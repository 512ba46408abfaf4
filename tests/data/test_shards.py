"""Zarr itself is the oracle: it reads what we write, and we read what it writes, row for row."""

import numpy as np
import pytest
import zarr
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from zarr.codecs import BloscCodec, Crc32cCodec

from panda_lartpc.data.columns import FAST, SMALL
from panda_lartpc.data.shards import ShardReader, ShardWriter

RNG = np.random.default_rng(0)
ROWS = {
    "float": RNG.integers(0, 2**32, 1000, dtype=np.uint32).view(np.float32),  # any bits, NaNs among them
    "vectors": RNG.integers(-9, 9, (1000, 3)).astype(np.int16),
    "small": RNG.integers(-9, 9, 1000).astype(np.int8),
    "one chunk": np.arange(7),
    "whole shards": np.arange(128),
}


def write(path, rows, codec=FAST, step=50):
    writer = ShardWriter(path, rows, codec, chunk_rows=16, shard_rows=64)
    for start in range(0, len(rows), step):
        writer.append(rows[start : start + step])
    writer.finish()
    return path


@pytest.mark.parametrize("rows", ROWS.values(), ids=list(ROWS))
@pytest.mark.parametrize("codec", [FAST, SMALL], ids=["fast", "small"])
def test_zarr_reads_what_is_written(tmp_path, rows, codec):
    array = zarr.open_array(write(tmp_path / "a", rows, codec), mode="r")
    assert array[:].tobytes() == rows.tobytes()
    assert (array.dtype, array.shape) == (rows.dtype, rows.shape)


@pytest.mark.parametrize("rows", ROWS.values(), ids=list(ROWS))
def test_what_zarr_has_written_is_read(tmp_path, rows):
    array = zarr.create_array(
        tmp_path / "a",
        shape=rows.shape,
        dtype=rows.dtype,
        chunks=(16, *rows.shape[1:]),
        shards=(64, *rows.shape[1:]),
        compressors=[BloscCodec(cname="zstd", shuffle="shuffle"), Crc32cCodec()],
        config={"write_empty_chunks": True},
    )
    array[:] = rows
    assert ShardReader(tmp_path / "a").read().tobytes() == rows.tobytes()


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.integers(0, 1000), st.integers(0, 1000), st.integers(1, 1000))
def test_any_span_of_rows_is_read(tmp_path, start, stop, step):
    rows = ROWS["vectors"]
    if not (tmp_path / f"a{step}").exists():
        write(tmp_path / f"a{step}", rows, step=step)
    reader = ShardReader(tmp_path / f"a{step}")
    assert np.array_equal(reader.read(start, stop), rows[start:stop])
    assert np.array_equal(reader.read(start), rows[start:])


def test_bytes_do_not_depend_on_how_the_rows_came(tmp_path):
    first, second = (write(tmp_path / str(step), ROWS["vectors"], step=step) for step in (7, 1000))
    for shard in range(16):
        assert (first / f"c/{shard}/0").read_bytes() == (second / f"c/{shard}/0").read_bytes()


def flip(path, place):
    content = bytearray(path.read_bytes())
    content[place] ^= 1
    path.write_bytes(content)


@pytest.mark.parametrize(("place", "what"), [(0, "chunk 0"), (-1, "the index of the chunks"), (-60, "the index")])
def test_a_flipped_bit_is_found(tmp_path, place, what):
    path = write(tmp_path / "a", ROWS["float"])
    flip(path / "c/1", place)
    reader = ShardReader(path)
    assert len(reader.read(0, 64)) == 64
    with pytest.raises(ValueError, match=f"{what}.* does not match its CRC32C"):
        reader.read(64, 66)
