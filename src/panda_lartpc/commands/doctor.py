"""Say what this machine can run: versions, device, backends, and a self-check of about a second."""

import argparse
import platform
import tempfile
from collections.abc import Callable
from importlib import import_module
from importlib.metadata import PackageNotFoundError, version
from importlib.util import find_spec
from pathlib import Path

PACKAGES = ("numpy", "scipy", "h5py", "zarr", "pyarrow", "torch", "spconv-cu120", "flash-attn", "snakemake", "mlflow")


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """`panda-lartpc doctor` has no arguments."""


def run(args: argparse.Namespace) -> int:
    """Print the report; 0 if every check passes."""
    import torch

    device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
    rows = [("python", platform.python_version()), *((name, installed_version(name)) for name in PACKAGES)]
    rows.append(("device", device_in_words(device)))
    rows.append(("convolution", f"torch: usable; spconv: {gpu_backend('spconv.pytorch', device)}"))
    rows.append(("attention", f"sdpa: usable; flash: {gpu_backend('flash_attn', device)}"))
    rows.append(("tested on GPUs", "not yet: docs/gpu.md lists what, `make test-gpu` checks it; please report"))
    failed = False
    for name, check in (("matrix product", check_product), ("store", check_store), ("attention sum", check_attention)):
        problem = outcome(check, device)
        failed |= problem is not None
        rows.append((f"check: {name}", f"FAILED: {problem}" if problem else "ok"))
    for name, text in rows:
        print(f"{name:<22}{text}")
    return int(failed)


def installed_version(package: str) -> str:
    """Version of an installed package, or that it is not installed."""
    try:
        return version(package)
    except PackageNotFoundError:
        return "not installed"


def device_in_words(device) -> str:
    """The device with what matters for backends: compute capability and memory, or the number of threads."""
    import torch

    if device.type == "cpu":
        return f"cpu, {torch.get_num_threads()} threads"
    properties = torch.cuda.get_device_properties(device)
    return (
        f"{properties.name}, compute capability {properties.major}.{properties.minor}, "
        f"{properties.total_memory / 2**30:.0f} GiB, {torch.cuda.device_count()} in all"
    )


def gpu_backend(module: str, device) -> str:
    """Whether an optional backend can be used: it is installed, there is a GPU, and it loads."""
    if find_spec(module.partition(".")[0]) is None:
        return "not installed"
    if device.type != "cuda":
        return "needs a GPU"  # and takes seconds to load, so it is not tried
    try:
        import_module(module)
    except (ImportError, OSError) as error:  # built for another torch or CUDA
        return f"does not load ({error})"
    return "usable"


def outcome(check: Callable[[object], None], device) -> str | None:
    """None if the check passes, else what went wrong."""
    try:
        check(device)
    except Exception as error:  # whatever is broken here, the report must tell it and go on
        return f"{type(error).__name__}: {error}"
    return None


def check_product(device) -> None:
    """A matrix product on the device against exact integers."""
    import torch

    a = torch.arange(256 * 256, device=device, dtype=torch.float64).view(256, 256) % 7  # (256, 256)
    got, expected = a.float() @ a.float(), (a.long().cpu().numpy() @ a.long().cpu().numpy())
    if not (got.cpu().numpy() == expected).all():
        raise ArithmeticError("the product of two matrices of small integers is not exact")


def check_store(device) -> None:
    """Columns written to a store come back bit for bit, and their checksums agree."""
    import numpy as np

    from panda_lartpc.data.columns import Columns, new_store, verify_store

    energy = np.random.default_rng(1).exponential(1.0, 100_000).astype(np.float32)
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "check.zarr")
        with new_store(path) as writer:
            writer.append({"energy": energy})
        verify_store(path)
        if not np.array_equal(Columns(path).read("energy"), energy):
            raise ArithmeticError("a column read back differs from what was written")


def check_attention(device) -> None:
    """Scaled dot-product attention on the device against its definition in double precision."""
    import torch

    generator = torch.Generator().manual_seed(1)
    q, k, v = (torch.randn(2, 64, 16, generator=generator, dtype=torch.float64) for _ in range(3))
    expected = torch.softmax(q @ k.mT / 4, dim=-1) @ v  # 4 = sqrt(16 channels)
    got = torch.nn.functional.scaled_dot_product_attention(*(x.float().to(device) for x in (q, k, v)))
    torch.testing.assert_close(got.cpu().double(), expected, rtol=1e-4, atol=1e-5)
