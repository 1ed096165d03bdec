"""A headless Chromium that opens a page without a network, clicks in it and looks at it."""

import asyncio
import base64
import json
import os
import shutil
import signal
import subprocess
import tempfile
import time
from pathlib import Path

NAMES = ("chromium-headless-shell", "chromium", "chromium-browser", "google-chrome", "chrome")


def found() -> str | None:
    """The browser of this machine, None where there is none."""
    return next((path for path in map(shutil.which, NAMES) if path), None)


class Page:
    """A page in a browser of its own: `with Page.open(file, width, height) as page`.

    errors  what the page threw or complained of
    asked   addresses that it wanted, beside the file itself and what it carries
    """

    def __init__(self, file: Path, width: int, height: int):
        self.file, self.size = file, (width, height)
        self.errors: list[str] = []
        self.asked: list[str] = []

    def __enter__(self):
        self.home = tempfile.TemporaryDirectory()
        options = ["--headless", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage"]
        self.browser = subprocess.Popen(
            [found(), *options, "--remote-debugging-port=0", f"--user-data-dir={self.home.name}",
             "about:blank"],
            stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, start_new_session=True,
        )  # fmt: skip
        self.loop = asyncio.new_event_loop()
        self.do(self._begin())
        return self

    def __exit__(self, *_):
        self.do(self.session.close())
        self.loop.close()
        # the command may be a script, which does not hand signals on
        os.killpg(self.browser.pid, signal.SIGTERM)
        self.browser.wait(20)
        shutil.rmtree(self.home.name, ignore_errors=True)

    def do(self, task):
        return self.loop.run_until_complete(asyncio.wait_for(task, 120))

    async def _begin(self):
        import aiohttp

        port = Path(self.home.name) / "DevToolsActivePort"
        end = time.monotonic() + 60
        while not (port.exists() and port.read_text().count("\n")) and time.monotonic() < end:
            await asyncio.sleep(0.05)
        self.session = aiohttp.ClientSession()
        address = f"http://127.0.0.1:{port.read_text().split()[0]}/json/list"
        async with self.session.get(address) as answer:
            (target,) = [t for t in json.loads(await answer.text()) if t["type"] == "page"]
        self.socket = await self.session.ws_connect(
            target["webSocketDebuggerUrl"], max_msg_size=2**28
        )
        self.number = 0
        width, height = self.size
        for domain in ("Page", "Runtime", "Network", "Log"):
            await self.send(f"{domain}.enable")
        await self.send("Network.emulateNetworkConditions", offline=True, latency=0,
                        downloadThroughput=0, uploadThroughput=0)  # fmt: skip
        await self.send("Emulation.setDeviceMetricsOverride", width=width, height=height,
                        deviceScaleFactor=1, mobile=width < 600)  # fmt: skip
        await self.send("Page.navigate", url=self.file.resolve().as_uri())
        while await self._value("document.readyState") != "complete":
            await asyncio.sleep(0.05)

    async def send(self, method: str, **options):
        """What the browser answers to a command."""
        self.number += 1
        number = self.number
        await self.socket.send_json({"id": number, "method": method, "params": options})
        while True:
            message = await self.socket.receive_json()
            self._note(message)
            if message.get("id") == number:
                assert "error" not in message, message
                return message["result"]

    def _note(self, message: dict) -> None:
        kind, told = message.get("method"), message.get("params", {})
        if kind == "Runtime.exceptionThrown":
            self.errors.append(told["exceptionDetails"].get("exception", {}).get("description", ""))
        if kind == "Log.entryAdded" and told["entry"]["level"] == "error":
            self.errors.append(told["entry"]["text"])
        if kind == "Network.requestWillBeSent":
            url = told["request"]["url"]
            if not url.startswith(("data:", "about:")) and url != self.file.resolve().as_uri():
                self.asked.append(url)

    async def _value(self, script: str):
        answer = await self.send("Runtime.evaluate", expression=script, returnByValue=True)
        assert "exceptionDetails" not in answer, answer["exceptionDetails"]
        return answer["result"].get("value")

    def value(self, script: str):
        """What a line of JavaScript gives."""
        return self.do(self._value(script))

    def click(self, selector: str) -> None:
        """A click of the mouse in the middle of what is there first by this selector."""
        box = self.value(
            f"(() => {{ const e = document.querySelector({json.dumps(selector)});"
            "e.scrollIntoView({block: 'center'}); const b = e.getBoundingClientRect();"
            "return [b.x + b.width / 2, b.y + b.height / 2]; })()"
        )
        for kind in ("mousePressed", "mouseReleased"):
            self.do(self.send("Input.dispatchMouseEvent", type=kind, x=box[0], y=box[1],
                              button="left", clickCount=1))  # fmt: skip

    def shot(self, path: Path, whole: bool = False) -> None:
        """A picture of what is seen, or of the whole page."""
        answer = self.do(self.send("Page.captureScreenshot", captureBeyondViewport=whole, **(
            {"clip": {"x": 0, "y": 0, "scale": 1, **self._extent()}} if whole else {}
        )))  # fmt: skip
        path.write_bytes(base64.b64decode(answer["data"]))

    def _extent(self) -> dict:
        wide, high = self.value(
            "[document.documentElement.scrollWidth, document.documentElement.scrollHeight]"
        )
        return {"width": wide, "height": high}
