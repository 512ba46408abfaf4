"""The doctor tells what is there, and says so when something is broken."""

import subprocess
import sys

import pytest
import torch

from panda_lartpc.commands import cli, doctor


def test_report_names_versions_device_and_backends(capsys):
    assert cli.main(["doctor"]) == 0
    report = capsys.readouterr().out
    for line in (
        f"torch                 {torch.__version__}",
        "device",
        "convolution           torch: usable; spconv:",
    ):
        assert line in report
    assert "attention             sdpa: usable; flash:" in report
    assert report.count(" ok\n") == 3


def test_a_failed_check_is_told_and_gives_exit_status_1(capsys, monkeypatch):
    def broken(device):
        raise ArithmeticError("2 + 2 = 5")

    monkeypatch.setattr(doctor, "check_product", broken)
    assert cli.main(["doctor"]) == 1
    assert "check: matrix product FAILED: ArithmeticError: 2 + 2 = 5" in capsys.readouterr().out


def test_checks_notice_wrong_numbers(monkeypatch):
    right = torch.nn.functional.scaled_dot_product_attention
    monkeypatch.setattr(torch.nn.functional, "scaled_dot_product_attention", lambda q, k, v: right(q, k, v) * 1.001)
    assert "Tensor-likes are not close" in doctor.outcome(doctor.check_attention, torch.device("cpu"))


def test_a_backend_that_is_not_there_is_no_failure():
    assert doctor.gpu_backend("no_such_backend", torch.device("cpu")) == "not installed"
    assert doctor.gpu_backend("torch", torch.device("cpu")) == "needs a GPU"
    assert doctor.gpu_backend("torch", torch.device("cuda")) == "usable"


def test_a_backend_built_for_another_torch_is_told(tmp_path, monkeypatch):
    (tmp_path / "flash_of_old.py").write_text("raise ImportError('undefined symbol')")
    monkeypatch.syspath_prepend(tmp_path)
    assert doctor.gpu_backend("flash_of_old", torch.device("cuda")) == "does not load (undefined symbol)"


def test_command_line_starts_without_torch():
    code = "import sys; from panda_lartpc.commands.cli import main; main(['settings', 'name']); print(*sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True)
    assert "pydantic" in done.stdout.split()
    assert "torch" not in done.stdout.split()


def test_settings_lists_the_keys_asked_for(capsys):
    assert cli.main(["settings", "data.min_e"]) == 0
    assert capsys.readouterr().out.startswith("data.min_energy_mev: 0.13    [float, >= 0, < 20]\n    points with")
    assert cli.main(["settings", "nothing"]) == 1


def test_an_unknown_command_lists_the_known_ones(capsys):
    with pytest.raises(SystemExit) as stopped:
        cli.main(["docter"])
    assert stopped.value.code == 2
    assert "doctor" in capsys.readouterr().err
