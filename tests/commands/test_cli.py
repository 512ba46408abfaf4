"""The command says what it can do without loading what its sub-commands need."""

import subprocess
import sys
import time
from importlib import import_module

import pytest

from panda_lartpc.commands.cli import COMMANDS, main

HEAVY = ("torch", "numpy", "pandas", "zarr", "matplotlib", "mlflow", "pydantic")


def test_help_lists_every_command_and_imports_none(capsys):
    with pytest.raises(SystemExit) as ended:
        main(["--help"])
    assert ended.value.code == 0
    said = capsys.readouterr().out
    assert all(f"    {name} " in said for name in COMMANDS)


def test_help_is_quick():
    code = (
        "import sys; from panda_lartpc.commands.cli import main\n"
        "try: main(['--help'])\nexcept SystemExit: pass\n"
        f"sys.exit(' '.join(set({HEAVY}) & set(sys.modules)) or 0)"
    )
    began = time.monotonic()
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.returncode == 0, f"loads {done.stderr}"
    assert time.monotonic() - began < 5  # 0.2 s on a machine that is not busy


@pytest.mark.parametrize("name", COMMANDS)
def test_every_command_has_its_module(name):
    module = import_module(f"panda_lartpc.commands.{name.replace('-', '_')}")
    assert callable(module.run)
    assert module.add_arguments.__doc__


def test_an_unknown_command_is_told_with_those_there_are(capsys):
    with pytest.raises(SystemExit) as ended:
        main(["predcit"])
    assert ended.value.code == 2
    assert "invalid choice: 'predcit'" in capsys.readouterr().err
