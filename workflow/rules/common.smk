"""What the rules share: where their sources, files and settings come from. No rules here."""

from pathlib import Path

from panda_lartpc.provenance import source_digest

SPLITS = ("train", "val", "test")


def source(script):
    """Digest of a rule's script and of all of our package that it imports; comments and docstrings do not count."""
    return source_digest(Path(workflow.basedir, "workflow", "scripts", script))


def results(path):
    """A file or store of this study."""
    return f"results/{study.name}/{path}"


def stores(path):
    """The files or stores of all splits of this study."""
    return [results(path.format(split=split)) for split in SPLITS]


def find_event_files():
    """The user's own files: split → name without ending → path."""
    from panda_lartpc.data.files import find_files

    return {split: {path.stem: str(path) for path in find_files(study.data.root, split)} for split in SPLITS}


SIMULATED = study.simulated_files()
FILES = SIMULATED if study.data.source == "simulated" else find_event_files()


def event_file(wildcards):
    """The HDF5 or Parquet file that an ingest job reads."""
    if study.data.source == "simulated":
        return f"results/{wildcards.study}/hdf5/{wildcards.split}/{wildcards.file}.h5"
    return FILES[wildcards.split][wildcards.file]


def points_file(wildcards):
    """The sibling with the number of points of each event; the user's own files may lack it."""
    file = Path(event_file(wildcards))
    sibling = file.with_name(f"{file.stem}_points.npy")
    return str(sibling) if study.data.source == "simulated" or sibling.exists() else []


def raw_stores(wildcards):
    """The stores of all files of a split, in file order."""
    return [f"results/{wildcards.study}/raw/{wildcards.split}/{file}.zarr" for file in FILES[wildcards.split]]


def records(wildcards):
    """The records of all jobs of this study."""
    names = [f"ingest/{split}/{file}" for split in SPLITS for file in FILES[split]]
    names += [f"threshold/{split}" for split in SPLITS]
    if study.data.source == "simulated":
        names += [f"simulate/{split}/{file}" for split in SPLITS for file in FILES[split]] + ["validate_simulation"]
    return [results(f"records/{name}.json") for name in names]
