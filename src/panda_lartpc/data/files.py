"""Which files belong to a split."""

from pathlib import Path

# PILArNet-M as published (HDF5), then the layouts in which Parquet mirrors are found.
PATTERNS = ("*{split}/*.h5", "*/{split}/*.parquet", "{split}/*.parquet", "*{split}*/*.parquet", "*{split}*.parquet")
ALIASES = {"val": ("val", "validation", "valid")}


def find_files(root: Path | str, split: str) -> list[Path]:
    """Event files of a split below `root`, sorted: their order is that of the events.

    split   "train", "val" or "test"; "val" also finds folders called validation

    The first pattern that finds files is taken.
    Raises FileNotFoundError if none does, ValueError if two files have the same name (stores are named after them).
    """
    root = Path(root)
    patterns = [pattern.format(split=name) for pattern in PATTERNS for name in ALIASES.get(split, (split,))]
    files = next((found for pattern in patterns if (found := sorted(root.glob(pattern)))), [])
    if not files:
        raise FileNotFoundError(
            f"{root}: no event files of split {split!r}; looked for {', '.join(patterns)}; check data.root"
        )
    names = [file.stem for file in files]
    twice = sorted({name for name in names if names.count(name) > 1})
    if twice:
        raise ValueError(f"{root}: several files of split {split!r} are called {', '.join(twice)}; rename one of each")
    return files
