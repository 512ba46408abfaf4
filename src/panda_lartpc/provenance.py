"""Where a result comes from: digests of sources, files and settings, atomic files, and the record of a job (ours)."""

import ast
import hashlib
import json
import os
import platform
import secrets
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from functools import cache
from importlib.metadata import version
from pathlib import Path

PACKAGE = Path(__file__).parent
# These modules only watch a job: what they do is seen in logs and in MLflow, never in a result. Editing them must not
# rerun days of training.
WATCHERS = frozenset({"panda_lartpc.training.tracking", "panda_lartpc.training.live_tracking"})
SOFTWARE = ("numpy", "scipy", "h5py", "zarr", "numcodecs", "pyarrow", "torch")


def source_digest(entry: Path | str, package: Path = PACKAGE) -> str:
    """Digest of all source code that a job runs: of its entry and of every module of ours imported from there.

    entry    a script (a path) or a module (a dotted name, as in `python -m`)
    package  folder of the package whose modules are followed
    returns  64 hex digits: sha256 over the syntax trees, without comments, docstrings, layout, places and file times

    Imports are followed wherever they stand, functions included; imports under computed names are not seen.
    Raises FileNotFoundError if there is no such script or module, SyntaxError if a source does not parse.
    """
    if isinstance(entry, str) and not entry.endswith(".py"):
        todo, seen = set(_with_parents(entry)), {}
        if module_file(entry, package) is None:
            raise FileNotFoundError(f"{entry}: no such module below {package}")
    else:
        digest, imports = _read_source(Path(entry), "", package)
        todo, seen = set(imports), {"<script>": digest}
    while todo:
        name = todo.pop()
        file = module_file(name, package)
        if file is None or name in seen or name in WATCHERS:
            continue
        seen[name], imports = _read_source(file, name, package)
        todo |= imports
    return text_digest("\n".join(f"{name} {seen[name]}" for name in sorted(seen)))


def module_file(name: str, package: Path = PACKAGE) -> Path | None:
    """File of the module `name` of our package; None for a module of others or for no module at all."""
    first, *rest = name.split(".")
    if first != package.name:
        return None
    base = package.joinpath(*rest)
    return next((file for file in (base / "__init__.py", base.with_suffix(".py")) if file.is_file()), None)


@cache
def _read_source(file: Path, name: str, package: Path) -> tuple[str, frozenset[str]]:
    """Digest of one source file's syntax tree, and the names of those of our modules that it imports."""
    if not file.is_file():
        raise FileNotFoundError(f"{file}: no such source file")
    tree = ast.parse(file.read_bytes(), filename=str(file))
    is_package = file.name == "__init__.py"
    imports = frozenset(
        module
        for node in ast.walk(tree)
        for named in _imported_names(node, name, is_package)
        for module in _with_parents(named)
        if module_file(module, package)
    )
    for node in ast.walk(tree):
        if isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef) and ast.get_docstring(
            node, clean=False
        ):
            del node.body[0]
    return text_digest(ast.dump(tree, include_attributes=False)), imports


def _imported_names(node: ast.AST, name: str, is_package: bool) -> list[str]:
    """Dotted names that an import statement may load; `from a import b` loads a and, where b is a module, a.b."""
    if isinstance(node, ast.Import):
        return [alias.name for alias in node.names]
    if not isinstance(node, ast.ImportFrom):
        return []
    base = [node.module] if node.module else []
    if node.level:
        here = name.split(".")
        base = here[: len(here) + is_package - node.level] + base
    return [".".join([*base, alias.name]) for alias in node.names]


def _with_parents(name: str) -> list[str]:
    """a.b.c, a.b and a: importing a module runs the packages that it lies in."""
    parts = name.split(".")
    return [".".join(parts[:n]) for n in range(len(parts), 0, -1)]


def text_digest(text: str) -> str:
    """Sha256 of a text, 64 hex digits."""
    return hashlib.sha256(text.encode()).hexdigest()


def file_digest(path: Path | str) -> str:
    """Sha256 of a file's bytes, 64 hex digits; the file may be larger than memory."""
    with open(path, "rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def input_digest(path: Path | str) -> str:
    """Digest of a job's input: of a file's bytes, or of a store's `zarr.json`, which carries its columns' checksums."""
    path = Path(path)
    return file_digest(path / "zarr.json" if path.is_dir() else path)


@contextmanager
def atomic_path(path: Path | str) -> Iterator[Path]:
    """Write a file whole or not at all: the block writes to the temporary path it is given, which then gets its name.

    The temporary file lies beside `path` and has the same ending; it is removed if the block fails.
    """
    path = Path(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    # Unique, because a job whose driver was killed may still write while its successor already does.
    temporary = path.with_name(f".{path.stem}-{os.getpid()}-{secrets.token_hex(4)}{path.suffix}")
    try:
        yield temporary
        _sync(temporary)
        os.replace(temporary, path)
        _sync(path.parent)
    except BaseException:
        temporary.unlink(missing_ok=True)
        raise


def _sync(path: Path) -> None:
    """Wait until a file or a folder's list of names is on disk."""
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def save_record(
    path: Path | str,
    stage: str,
    settings: Mapping[str, object],
    numbers: Mapping[str, float],
    inputs: Iterable[Path | str],
    source: str,
) -> None:
    """Write the record of a job as JSON: what it was asked, what it counted, and what it was made from.

    stage     name of the rule
    settings  all that the result depends on besides its inputs; plain values, may be nested
    numbers   what the job measured or counted
    inputs    files and stores it read; kept by name and digest, so that a record is the same on every machine
    source    the rule's `source_digest`
    """
    record = {
        "stage": stage,
        "settings": dict(settings),
        "numbers": dict(numbers),
        "inputs": {Path(file).name: input_digest(file) for file in inputs},
        "config_digest": text_digest(json.dumps(settings, sort_keys=True)),
        "source_digest": source,
        "software": {"python": platform.python_version(), **{name: version(name) for name in SOFTWARE}},
    }
    with atomic_path(path) as temporary:
        temporary.write_text(json.dumps(record, indent=2, default=lambda n: n.item()) + "\n")  # numpy numbers


def read_record(path: Path | str) -> dict:
    """Read the record of a job: a dict with the keys that `save_record` writes.

    Raises ValueError if the file is not such a record.
    """
    try:
        record = json.loads(Path(path).read_text())
        missing = {"stage", "settings", "numbers", "inputs", "config_digest", "source_digest", "software"} - set(record)
    except (json.JSONDecodeError, TypeError) as error:
        raise ValueError(f"{path}: not the record of a job ({error}); delete it and run its rule again") from None
    if missing:
        raise ValueError(f"{path}: record lacks {', '.join(sorted(missing))}; delete it and run its rule again")
    return record
