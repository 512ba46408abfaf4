"""The environment files pin what the lock file pins."""

import re
from pathlib import Path

import yaml

ROOT = Path(__file__).parents[1]
LOCK = dict(line.split("==") for line in (ROOT / "requirements.lock").read_text().split())


def pins(name: str) -> dict[str, str]:
    packages = yaml.safe_load((ROOT / "envs" / name).read_text())["dependencies"]
    assert packages[0] == "python=3.11"
    return dict(re.split("==| @ ", line) for line in packages[-1]["pip"])


def test_the_lock_holds_exact_versions_only():
    lines = (ROOT / "requirements.lock").read_text().splitlines()
    assert all(re.fullmatch(r"[a-z0-9_.-]+==[0-9][0-9a-z.]*", line) for line in lines)


def test_tests_use_the_spconv_of_the_gpu_environment():
    lines = (ROOT / "requirements-test.lock").read_text().split()
    assert all(re.fullmatch(r"[a-z0-9_.-]+==[0-9][0-9a-z.]*", line) for line in lines)
    tested, gpu = dict(line.split("==") for line in lines), pins("gpu.yaml")
    assert {name: tested[name] for name in gpu if name in tested} == {name: gpu[name] for name in gpu if name in tested}
    assert not set(tested) & set(LOCK)


def test_cpu_environment_is_the_lock():
    assert pins("cpu.yaml") == LOCK


def test_gpu_environment_differs_only_where_it_must():
    gpu = pins("gpu.yaml")
    assert {name for name in LOCK if gpu.get(name) != LOCK[name]} == {"torch"}
    assert (gpu["torch"], gpu["spconv-cu120"], gpu["cumm-cu120"]) == ("2.8.0", "2.3.6", "0.4.11")
    assert gpu["flash-attn"].endswith("/v2.8.3/flash_attn-2.8.3+cu12torch2.8cxx11abiTRUE-cp311-cp311-linux_x86_64.whl")
