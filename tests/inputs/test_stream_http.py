"""A Zarr store behind a web server: what is needed is asked for, and its failures are told."""

import threading
from contextlib import contextmanager
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer

import pytest
import torch

from gridhydro.columns import column
from gridhydro.inputs.forcing import Forcing
from tests.support.small_stores import domain_in, weather, written

HBV = column("hbv")
pytestmark = pytest.mark.end_to_end


class Handler(SimpleHTTPRequestHandler):
    """Serves a folder; `asked` notes the paths, and of those in `broken` it gives an error."""

    asked: list[str]
    broken: set[str]

    def do_GET(self):
        self.asked.append(self.path)
        if self.path in self.broken:
            self.send_error(503)
        else:
            super().do_GET()

    def log_message(self, *words):
        pass


@contextmanager
def served(folder):
    """The address of a server of the folder here, and its handler."""
    handler = type("Watched", (Handler,), {"asked": [], "broken": set()})
    with ThreadingHTTPServer(("127.0.0.1", 0), partial(handler, directory=folder)) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        try:
            yield f"http://127.0.0.1:{server.server_port}", handler
        finally:
            server.shutdown()
            thread.join()


def test_a_store_behind_a_web_server_is_read_by_the_chunk(tmp_path):
    pytest.importorskip("aiohttp", reason="needs gridhydro[remote]")
    data = weather()
    domain = domain_in(data)
    whole = Forcing.read(data, domain, HBV)
    written(data, tmp_path / "a.zarr")
    with served(tmp_path) as (address, handler):
        opened = Forcing.open(f"{address}/a.zarr", domain, HBV, period=("2001-01", "2001-06"))
        assert not any(f"/{name}/0" in path for path in handler.asked for name in data)
        handler.asked.clear()
        assert torch.equal(opened.block(slice(50, 131)), whole.values[:, 50:131])
        # of three series three chunks of days, around the cells two of space: of thirty-two
        chunks = [path for path in handler.asked if path.startswith("/a.zarr/")]
        assert len(chunks) == len(set(chunks)) == 3 * 3 * 2
        handler.broken.add("/a.zarr/temperature/1.1.2")
        with pytest.raises(
            OSError, match=rf"{address}/a.zarr: 'temperature' cannot be read: .*503"
        ):
            opened.block(slice(70, 80))
        handler.broken.clear()
        assert torch.equal(opened.block(slice(70, 80)), whole.values[:, 70:80])
        with pytest.raises(FileNotFoundError, match=f"no Zarr store at {address}/none.zarr"):
            Forcing.open(f"{address}/none.zarr", domain, HBV)
    with pytest.raises((OSError, ValueError), match=f"{address}/a.zarr: 'precipitation' cannot"):
        opened.block(slice(0, 10))
