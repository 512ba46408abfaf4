"""The chunks of a sharded Zarr v3 array, read and written directly.

Zarr's own reader and writer pass each chunk through several threads and tasks, which takes five times as long as its
codec. The files are the same: zarr reads what is written here, and the other way round. Their format, by the Zarr v3
specification (`sharding_indexed`): chunks of equal size, each a Blosc frame and its CRC32C, in any order; at the end
the index, offset and length of each chunk, and its CRC32C.
"""

import os
from contextlib import suppress
from pathlib import Path
from typing import BinaryIO

import google_crc32c
import numpy as np
import zarr
from numcodecs import Blosc, blosc
from numpy.typing import NDArray
from zarr.codecs import BloscCodec, Crc32cCodec

MISSING = 2**64 - 1  # offset and length of a chunk that a shard does not have
CRC_BYTES = 4
Codec = tuple[str, int]  # compressor and level of Blosc, behind its bit shuffle


class ShardReader:
    """An array of a store, open for reading by rows.

    array  folder of the array
    """

    def __init__(self, array: Path):
        described = zarr.open_array(array, mode="r")
        self.shape, self._dtype = described.shape, described.dtype
        self._chunk_rows, self._shard_rows = described.chunks[0], described.shards[0]
        self._array = array
        self._index: dict[int, NDArray[np.uint64]] = {}

    def read(self, start: int = 0, stop: int | None = None) -> NDArray:
        """Rows `start` to `stop`. Raises OSError, or ValueError or RuntimeError if a checksum does not match."""
        start, stop, _ = slice(start, stop).indices(self.shape[0])
        rows = np.empty((max(stop - start, 0), *self.shape[1:]), self._dtype)
        for shard in range(start // self._shard_rows, -(-stop // self._shard_rows)):
            first = shard * self._shard_rows
            begin, end = max(start, first), min(stop, first + self._shard_rows)
            with open(_shard_file(self._array, shard, len(self.shape)), "rb") as file:
                self._read_shard(file, shard, begin - first, rows[begin - start : end - start])
        return rows

    def _read_shard(self, file: BinaryIO, shard: int, start: int, rows: NDArray) -> None:
        """Fill `rows` with those of a shard from its row `start` on."""
        if shard not in self._index:
            n_bytes = 16 * (self._shard_rows // self._chunk_rows) + CRC_BYTES
            file.seek(-n_bytes, os.SEEK_END)
            index = _checked(file.read(n_bytes), "the index of the chunks")
            self._index[shard] = np.frombuffer(index, "<u8").reshape(-1, 2)
        size, stop = self._chunk_rows, start + len(rows)
        for number in range(start // size, -(-stop // size)):
            offset, length = map(int, self._index[shard][number])
            file.seek(offset)
            chunk = _checked(file.read(length), f"chunk {number}")
            begin, end = max(start, number * size), min(stop, (number + 1) * size)
            place = rows[begin - start : end - start]
            if len(place) == size:
                blosc.decompress(chunk, place)
            else:
                whole = np.empty((size, *self.shape[1:]), self._dtype)
                blosc.decompress(chunk, whole)
                place[:] = whole[begin - number * size : end - number * size]


class ShardWriter:
    """Writes a new array chunk by chunk: no more than a chunk of rows waits in memory.

    array       folder of the new array
    rows        (N, ...) array with the type and the width that all rows will have
    codec       of each chunk
    chunk_rows  in a chunk
    shard_rows  in a file; a multiple of chunk_rows
    """

    def __init__(self, array: Path, rows: NDArray, codec: Codec, chunk_rows: int, shard_rows: int):
        self.n_rows = 0
        self._array, self._dtype, self._width = array, rows.dtype, rows.shape[1:]
        self._chunk_rows, self._shard_rows = chunk_rows, shard_rows
        name, level = codec
        self._described = BloscCodec(cname=name, clevel=level, shuffle="bitshuffle")
        self._codec = Blosc(name, level, Blosc.BITSHUFFLE)
        self._waiting = np.empty((0, *self._width), self._dtype)
        self._file: BinaryIO | None = None  # the shard that is being written
        self._index: list[tuple[int, int]] = []

    def append(self, rows: NDArray) -> None:
        """Write what fills chunks, and keep the rest."""
        rows = np.concatenate([self._waiting, rows]) if len(self._waiting) else rows
        whole = len(rows) // self._chunk_rows * self._chunk_rows
        for start in range(0, whole, self._chunk_rows):
            self._write(rows[start : start + self._chunk_rows])
        self._waiting = rows[whole:].copy()

    def finish(self) -> None:
        """Write what still waits, and what tells Zarr of the array."""
        if n_waiting := len(self._waiting):
            last = np.zeros((self._chunk_rows, *self._width), self._dtype)
            last[:n_waiting] = self._waiting
            self._write(last)
            self.n_rows -= len(last) - n_waiting
        if self._file:
            self._end_shard()
        zarr.create_array(
            self._array,
            shape=(self.n_rows, *self._width),
            dtype=self._dtype,
            chunks=(self._chunk_rows, *self._width),
            shards=(self._shard_rows, *self._width),
            compressors=[self._described, Crc32cCodec()],
            config={"write_empty_chunks": True},  # else a lost shard would read as zeros
        )

    def close(self) -> None:
        """Leave the file of a shard that will not be finished."""
        if self._file:
            with suppress(OSError):  # a disk that is full refuses what is still to be written
                self._file.close()

    def _end_shard(self) -> None:
        missing = [(MISSING, MISSING)] * (self._shard_rows // self._chunk_rows - len(self._index))
        self._file.write(_with_checksum(np.array(self._index + missing, "<u8").tobytes()))
        self._file.close()
        self._file, self._index = None, []

    def _write(self, rows: NDArray) -> None:
        if self._file is None:
            path = _shard_file(self._array, self.n_rows // self._shard_rows, 1 + len(self._width))
            path.parent.mkdir(parents=True, exist_ok=True)
            self._file = open(path, "wb")  # noqa: SIM115
        chunk = _with_checksum(self._codec.encode(np.ascontiguousarray(rows)))
        self._index.append((self._file.tell(), len(chunk)))
        self._file.write(chunk)
        self.n_rows += len(rows)
        if self.n_rows % self._shard_rows == 0:
            self._end_shard()


def _shard_file(array: Path, shard: int, n_axes: int) -> Path:
    """File of a shard: arrays are cut along their rows only."""
    return array.joinpath("c", str(shard), *["0"] * (n_axes - 1))


def _with_checksum(content: bytes) -> bytes:
    return content + google_crc32c.value(content).to_bytes(CRC_BYTES, "little")


def _checked(content: bytes, what: str) -> bytes:
    """The content without its CRC32C. Raises ValueError if that does not match."""
    body, crc = content[:-CRC_BYTES], content[-CRC_BYTES:]
    if google_crc32c.value(body) != int.from_bytes(crc, "little"):
        raise ValueError(f"{what} does not match its CRC32C")
    return body
