"""Newer prices: fetched on demand, used from then on, and never worth a failed start."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from decimal import Decimal
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path

import pytest

from tritium.catalog.price_book import look_up
from tritium.catalog.price_update import PriceUpdateFailed, kept_providers, update_prices

CATALOGUE = [
    {
        "id": "openai",
        "name": "OpenAI",
        "api_pattern": "https://api",
        "models": [
            {
                "id": "gpt-of-tomorrow",
                "match": {"equals": "gpt-of-tomorrow"},
                "prices": {"input_mtok": 7, "output_mtok": 9},
            }
        ],
    }
]


class _Answer(BaseHTTPRequestHandler):
    body = b""
    status = 200

    def do_GET(self) -> None:
        self.send_response(self.status)
        self.send_header("content-length", str(len(self.body)))
        self.end_headers()
        self.wfile.write(self.body)

    def log_message(self, *_: object) -> None:
        pass


@pytest.fixture
def published(monkeypatch: pytest.MonkeyPatch) -> Iterator[type[_Answer]]:
    """Where the price catalogue is published, in this test."""
    answer = type("Answer", (_Answer,), {"body": json.dumps(CATALOGUE).encode()})
    server = HTTPServer(("127.0.0.1", 0), answer)
    monkeypatch.setattr("genai_prices.update_prices.DEFAULT_UPDATE_URL", f"http://127.0.0.1:{server.server_port}/")
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    yield answer
    server.shutdown()
    thread.join()
    server.server_close()


def test_what_was_fetched_is_used_and_the_packages_prices_without_it_stay(published, tmp_path: Path):
    kept = tmp_path / "data" / "prices.json"

    assert update_prices(kept) == 1

    tomorrow = look_up("openai", "gpt-of-tomorrow", kept).prices
    assert tomorrow is not None
    assert (tomorrow.input, tomorrow.output) == (Decimal(7), Decimal(9))
    assert look_up("openai", "gpt-of-tomorrow").prices is None
    assert list(kept.parent.iterdir()) == [kept]


@pytest.mark.parametrize(
    ("status", "body"), [(404, b""), (200, b"<html>"), (200, b"{}"), (200, b"[]"), (200, b'[{"id": 1}]'), (200, b"[3]")]
)
def test_what_is_no_catalogue_changes_nothing(published, tmp_path: Path, status, body):
    kept = tmp_path / "prices.json"
    update_prices(kept)
    before = kept.read_bytes()
    published.status, published.body = status, body

    with pytest.raises(PriceUpdateFailed, match="in force stay so"):
        update_prices(kept)

    assert kept.read_bytes() == before


def test_nobody_there_is_an_error_that_says_so(monkeypatch, tmp_path: Path):
    monkeypatch.setattr("genai_prices.update_prices.DEFAULT_UPDATE_URL", "http://127.0.0.1:1/")

    with pytest.raises(PriceUpdateFailed, match="could not be fetched"):
        update_prices(tmp_path / "prices.json")


def test_prices_of_another_package_version_yield_to_the_package(published, tmp_path: Path):
    kept = tmp_path / "prices.json"
    update_prices(kept)
    kept.write_text(kept.read_text().replace('"package": "', '"package": "0.'))

    assert kept_providers(kept) is None


@pytest.mark.parametrize("text", ["", "{", "[]", "{}", '{"package": 1, "providers": 2}'])
def test_a_damaged_file_is_no_reason_not_to_start(tmp_path: Path, text):
    kept = tmp_path / "prices.json"
    kept.write_text(text)

    assert kept_providers(kept) is None
    assert look_up("openai", "gpt-4o", kept).prices == look_up("openai", "gpt-4o").prices
