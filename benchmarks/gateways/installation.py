"""The peers' packages: a virtual environment for each, in a folder that is kept between runs."""

from __future__ import annotations

import subprocess
import sys
import venv
from dataclasses import dataclass
from pathlib import Path

from platformdirs import user_cache_path

_MADE = "installed.txt"


@dataclass(frozen=True)
class Packages:
    """What one peer is installed from, pinned; `any_version` names dependencies whose bounds don't bind."""

    pins: tuple[str, ...]
    any_version: tuple[str, ...] = ()


PACKAGES = {
    "tensorzero": Packages(("tensorzero==2026.6.0",)),
    "ferro": Packages(("ferrogw==1.5.10",)),
    # Before another version is taken: 1.82.7, 1.82.8 and 1.107.0 carried malware. It wants a certifi that mirrors with
    # a delay don't have yet.
    "litellm": Packages(("litellm[proxy]==1.108.7",), any_version=("certifi",)),
    "fastapi": Packages(
        ("fastapi==0.165.0", "openai==3.54.0", "uvicorn==0.54.0", "uvloop==0.23.0", "httptools==0.9.0"),
    ),
}
_INSTALLER = Packages(("uv==0.13.9",))


def default_folder() -> Path:
    return user_cache_path("tritium") / "benchmark-peers"


def install(folder: Path, names: list[str]) -> None:
    """Make the environments that are missing or of other pins than today's.

    Raises:
        subprocess.CalledProcessError: a package could not be installed; the installer has said why on standard error.
    """
    missing = [name for name in names if name in PACKAGES and not _is_made(folder / name, PACKAGES[name])]
    if not missing:
        return
    folder.mkdir(parents=True, exist_ok=True)
    if not _is_made(folder / "uv", _INSTALLER):
        venv.create(folder / "uv", clear=True, with_pip=True)
        pip = [str(python(folder, "uv")), "-m", "pip", "install", "--quiet", *_INSTALLER.pins]
        subprocess.run(pip, check=True)
        _note(folder / "uv", _INSTALLER)
    for name in missing:
        print(f"Installing {name} into {folder / name} ...", file=sys.stderr, flush=True)
        _install(folder, name, PACKAGES[name])


def python(folder: Path, name: str) -> Path:
    return folder / name / "bin" / "python"


def program(folder: Path, name: str, command: str) -> str:
    return str(folder / name / "bin" / command)


def _install(folder: Path, name: str, packages: Packages) -> None:
    uv = program(folder, "uv", "uv")
    overrides = folder / f"{name}-any-version.txt"
    overrides.write_text("".join(f"{each}\n" for each in packages.any_version))
    subprocess.run([uv, "venv", "--quiet", "--clear", "--python", sys.executable, str(folder / name)], check=True)
    command = [uv, "pip", "install", "--quiet", "--compile-bytecode", "--python", str(python(folder, name))]
    # From there, so that the settings of the user hold, and not those of this project for its own dependencies.
    subprocess.run([*command, "--overrides", str(overrides), *packages.pins], check=True, cwd=folder)
    _note(folder / name, packages)


def _is_made(place: Path, packages: Packages) -> bool:
    try:
        return (place / _MADE).read_text() == _sign(packages)
    except FileNotFoundError:
        return False


def _note(place: Path, packages: Packages) -> None:
    (place / _MADE).write_text(_sign(packages))


def _sign(packages: Packages) -> str:
    return f"{sys.version_info.major}.{sys.version_info.minor}\n" + "\n".join(packages.pins) + "\n"
