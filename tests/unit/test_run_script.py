"""`./run` in a clone whose environment is a stand-in: what it decides without a network. CI runs it for real."""

from __future__ import annotations

import ast
import os
import re
import shutil
import subprocess
import sys
from importlib.machinery import SourceFileLoader
from importlib.util import module_from_spec, spec_from_loader
from pathlib import Path
from types import ModuleType

import pytest

ROOT = Path(__file__).parents[2]
TOOLS = ("ruff", "mypy", "lint-imports", "pytest", "tritium")


@pytest.fixture
def clone(tmp_path: Path) -> Path:
    """A clone in a folder with a space, and an environment whose tools say what they were asked."""
    clone = tmp_path / "a clone"
    bin_folder = clone / ".venv" / "bin"
    bin_folder.mkdir(parents=True)
    for name in ("run", "pyproject.toml", "requirements.lock", "requirements-dev.lock"):
        shutil.copy(ROOT / name, clone / name)
    (bin_folder / "python").symlink_to(sys.executable)
    for name in TOOLS:
        say(bin_folder / name, f'echo {name} "$@" "[$PYTHONPATH]"')
    loaded(clone).record("requirements-dev.lock")
    return clone


def say(tool: Path, line: str) -> None:
    tool.write_text(f"#!/bin/sh\n{line}\n")
    tool.chmod(0o755)


def loaded(clone: Path) -> ModuleType:
    loader = SourceFileLoader("run_script", str(clone / "run"))
    spec = spec_from_loader("run_script", loader)
    assert spec is not None
    module = module_from_spec(spec)
    loader.exec_module(module)
    return module


def run(clone: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    environment = {**os.environ, "PYTHONPATH": "/nowhere", "VIRTUAL_ENV": "/nowhere"}
    command = [sys.executable, str(clone / "run"), *arguments]
    return subprocess.run(command, cwd=clone.parent, env=environment, capture_output=True, text=True, check=False)


def test_an_old_python_can_read_it() -> None:
    ast.parse((ROOT / "run").read_text("utf-8"), feature_version=(3, 6))


def test_what_is_installed_is_used_at_once_from_any_folder(clone: Path) -> None:
    done = run(clone, "ask", "two words", "--json")
    assert (done.stdout, done.stderr, done.returncode) == ("tritium ask two words --json []\n", "", 0)


def test_an_exit_code_is_passed_on(clone: Path) -> None:
    say(clone / ".venv" / "bin" / "tritium", "exit 2")
    assert run(clone, "ask").returncode == 2


def test_the_development_lock_covers_both(clone: Path) -> None:
    script = loaded(clone)
    assert script.installed("requirements.lock")
    assert script.installed("requirements-dev.lock")


def test_the_runtime_lock_does_not_cover_the_tools(clone: Path) -> None:
    script = loaded(clone)
    script.record("requirements.lock")
    assert not script.installed("requirements-dev.lock")


@pytest.mark.parametrize("name", ["requirements.lock", "pyproject.toml", "run"])
def test_a_change_of_what_is_installed_is_noticed(clone: Path, name: str) -> None:
    with (clone / name).open("a") as file:
        file.write("# changed\n")
    assert not loaded(clone).installed("requirements.lock")


def test_an_unfinished_environment_is_not_trusted(clone: Path) -> None:
    (clone / ".venv" / "run.state").unlink()
    assert not loaded(clone).installed("requirements.lock")


def test_an_environment_whose_python_is_gone_is_not_trusted(clone: Path) -> None:
    python = clone / ".venv" / "bin" / "python"
    python.unlink()
    python.symlink_to("/nowhere/python")
    assert not loaded(clone).installed("requirements.lock")


def test_a_clone_that_was_moved_is_not_trusted(clone: Path) -> None:
    moved = clone.rename(clone.parent / "moved")
    assert not loaded(moved).installed("requirements.lock")


def test_every_check_runs_and_pytest_gets_the_arguments(clone: Path) -> None:
    done = run(clone, "test", "-x", "tests/unit")
    assert done.returncode == 0
    assert done.stdout.splitlines() == [
        *("", "=== ruff format ===", "ruff format --check []"),
        *("", "=== ruff check ===", "ruff check []"),
        *("", "=== mypy ===", "mypy []"),
        *("", "=== lint-imports ===", "lint-imports []"),
        *("", "=== pytest ===", "pytest -x tests/unit []"),
    ]


def test_a_failed_check_stops_no_other_and_is_named_last(clone: Path) -> None:
    say(clone / ".venv" / "bin" / "mypy", "exit 1")
    done = run(clone, "test")
    assert done.returncode == 1
    assert "=== pytest ===" in done.stdout
    assert done.stdout.endswith("\nfailed: mypy\n")


def test_a_failed_step_shows_its_last_lines(clone: Path, capfd: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as left:
        loaded(clone).step("doing it", ["sh", "-c", "seq 100; echo because of that >&2; exit 3"])
    assert left.value.code == 1
    said = capfd.readouterr().err
    assert re.match(r"tritium: doing it \.\.\. failed after \d+ s\n", said)
    assert "  because of that\n" in said
    assert "  80\n" not in said


def test_a_step_that_works_is_one_line(clone: Path, capfd: pytest.CaptureFixture[str]) -> None:
    loaded(clone).step("doing it", ["sh", "-c", "seq 100"])
    assert re.fullmatch(r"tritium: doing it \.\.\. \d+ s\n", capfd.readouterr().err)
