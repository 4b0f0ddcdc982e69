"""A headless Chromium driven over its debugging pipe (DevTools protocol), without a driver program or a package."""

import base64
import json
import os
import shutil
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import count
from pathlib import Path

PROGRAM = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
FLAGS = ["--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-sync"]
FLAGS += ["--disable-background-networking", "--disable-component-update", "--remote-debugging-pipe", "--mute-audio"]
TIMEOUT = 60  # seconds


class Page:
    """One tab: send a protocol command with `call`, evaluate JavaScript with `run`; `events` holds what it told."""

    def __init__(self, commands: int, answers: int):
        self.commands, self.answers = commands, answers
        self.rest, self.waiting = b"", []
        self.numbers, self.session, self.events = count(1), None, []
        target = self.call("Target.createTarget", url="about:blank")["targetId"]
        self.session = self.call("Target.attachToTarget", targetId=target, flatten=True)["sessionId"]
        for domain in ("Page", "Runtime", "Network", "Log"):
            self.call(f"{domain}.enable")

    def call(self, method: str, **params) -> dict:
        number = next(self.numbers)
        message = {"id": number, "method": method, "params": params}
        if self.session:
            message["sessionId"] = self.session
        os.write(self.commands, json.dumps(message).encode() + b"\0")
        while (answer := self._read()).get("id") != number:
            self.events.append(answer)
        if "error" in answer:
            raise RuntimeError(f"{method}: {answer['error']}")
        return answer["result"]

    def _read(self) -> dict:
        """The next message; each ends with a zero byte."""
        while not self.waiting:
            *ended, self.rest = (self.rest + self._chunks()).split(b"\0")
            self.waiting = ended
        return json.loads(self.waiting.pop(0))

    def _chunks(self) -> bytes:
        """What the pipe holds, up to the end of a message: joined once, because a message can hold a whole image."""
        chunks = []
        while not (chunks and b"\0" in chunks[-1]):
            chunks.append(os.read(self.answers, 1 << 20))
            if not chunks[-1]:
                raise RuntimeError("Chromium has closed its pipe")
        return b"".join(chunks)

    def run(self, script: str):
        """The value of a JavaScript expression (of what it promises); an exception there is one here."""
        settings = {"returnByValue": True, "awaitPromise": True, "userGesture": True}
        found = self.call("Runtime.evaluate", expression=script, **settings)
        if "exceptionDetails" in found:
            raise RuntimeError(found["exceptionDetails"]["exception"].get("description"))
        return found["result"].get("value")

    def wait(self, script: str) -> None:
        """Wait until a JavaScript expression is true."""
        end = time.monotonic() + TIMEOUT
        while not self.run(script):
            if time.monotonic() > end:
                raise TimeoutError(script)
            time.sleep(0.05)

    def open(self, path: Path, width: int = 1280, height: int = 900, dark: bool = False, media: str = "") -> None:
        """Load a local file in a window of this size."""
        self.events.clear()
        metrics = {"width": width, "height": height, "deviceScaleFactor": 1, "mobile": width < 600}
        self.call("Emulation.setDeviceMetricsOverride", **metrics)
        scheme = {"name": "prefers-color-scheme", "value": "dark" if dark else "light"}
        self.call("Emulation.setEmulatedMedia", media=media, features=[scheme])
        self.call("Page.navigate", url=path.resolve().as_uri())
        self.wait("document.readyState === 'complete' && location.protocol === 'file:'")

    def key(self, key: str) -> None:
        """Press and release a key."""
        codes = {" ": 32, "ArrowLeft": 37, "ArrowRight": 39, "Escape": 27}
        code = codes.get(key, ord(key[0].upper()))
        text = {"text": key} if len(key) == 1 else {}
        self.call("Input.dispatchKeyEvent", type="keyDown", key=key, windowsVirtualKeyCode=code, **text)
        self.call("Input.dispatchKeyEvent", type="keyUp", key=key, windowsVirtualKeyCode=code)

    def click(self, selector: str) -> None:
        """Click the middle of the first element that the selector finds."""
        self.run(
            f"document.querySelector({json.dumps(selector)}).scrollIntoView({{block: 'center', behavior: 'instant'}})"
        )
        box = self.run(f"document.querySelector({json.dumps(selector)}).getBoundingClientRect().toJSON()")
        place = {"x": box["x"] + box["width"] / 2, "y": box["y"] + box["height"] / 2, "button": "left", "clickCount": 1}
        for kind in ("mousePressed", "mouseReleased"):
            self.call("Input.dispatchMouseEvent", type=kind, **place)

    def screenshot(self, path: Path) -> None:
        path.write_bytes(base64.b64decode(self.call("Page.captureScreenshot", format="png")["data"]))

    def told(self, *methods: str) -> list[dict]:
        """The parameters of the events of these kinds since the page was opened."""
        return [event["params"] for event in self.events if event.get("method") in methods]


@contextmanager
def browser(folder: Path) -> Iterator[Page]:
    """A tab of a new Chromium whose profile lies in the empty `folder`; it hears us on its file 3 and answers on 4."""
    command_end, commands = os.pipe()
    answers, answer_end = os.pipe()
    line = f'exec "$@" 3<&{command_end} 4>&{answer_end}'
    process = subprocess.Popen(
        ["bash", "-c", line, "bash", PROGRAM, *FLAGS, f"--user-data-dir={folder}"],
        pass_fds=(command_end, answer_end),
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    os.close(command_end)
    os.close(answer_end)
    try:
        yield Page(commands, answers)
    finally:
        process.terminate()
        process.wait(TIMEOUT)
        os.close(commands)
        os.close(answers)
