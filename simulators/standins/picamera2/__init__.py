"""Stand-in for picamera2 where no Raspberry Pi is: the same calls, frames from the bench over loopback.

REKAM_CAMERAS names the bench's cameras, "host:port,host:port" in the order of their numbers. Calls, defaults and errors follow
picamera2 0.3.36: a capture blocks its thread, `flush=True` waits for a frame whose exposure began after the call, "BGR888" is
red-green-blue in the array, YUV420 comes as an array 1.5 times as high whose rows are padded to 64 bytes.
"""

import json
import os
import socket
import threading
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from typing import Any

import numpy as np
from numpy.typing import NDArray

ENVIRONMENT = "REKAM_CAMERAS"
CONNECT_TIMEOUT_S = 5.0
STRIDE_BYTES = 64
Settings = Mapping[str, Any]


class CompletedRequest:
    """One frame and what the sensor said of it."""

    def __init__(self, camera: "Picamera2", frame: int, metadata: dict[str, Any]) -> None:
        self._camera = camera
        self._frame = frame
        self._metadata = metadata

    def get_metadata(self) -> dict[str, Any]:
        return dict(self._metadata)

    def make_array(self, name: str) -> NDArray[np.uint8]:
        header, payload = self._camera._ask({"do": "array", "frame": self._frame, "stream": name})
        return np.frombuffer(payload, dtype=np.uint8).reshape(header["shape"])


class Picamera2:
    """One camera by its number. Raises RuntimeError and IndexError where picamera2 does."""

    def __init__(self, camera_num: int = 0) -> None:
        host, _, port = _addresses()[camera_num].rpartition(":")
        try:
            self._socket = socket.create_connection((host, int(port)), timeout=CONNECT_TIMEOUT_S)
        except OSError as problem:
            raise RuntimeError("Failed to acquire camera: Device or resource busy or gone") from problem
        self._socket.settimeout(None)
        self._stream = self._socket.makefile("rb")
        self._turn = threading.Lock()
        try:
            told = self._ask({"do": "info"})[0]
        except RuntimeError:
            self.close()
            raise
        self.camera_properties: dict[str, Any] = told["properties"]
        self.camera_controls: dict[str, Any] = told["controls"]

    @staticmethod
    def global_camera_info() -> list[dict[str, Any]]:
        """Model, Location, Rotation, Id and Num of every camera that answers."""
        found = []
        for number, address in enumerate(_addresses()):
            host, _, port = address.rpartition(":")
            try:
                with socket.create_connection((host, int(port)), timeout=CONNECT_TIMEOUT_S) as probe, probe.makefile("rb") as stream:
                    probe.sendall(b'{"do": "info"}\n')
                    properties = json.loads(stream.readline())["properties"]
            except (OSError, ValueError):
                continue
            found.append({"Model": properties["Model"], "Location": 2, "Rotation": 0, "Id": f"/base/bench/{properties['Model']}@{number}", "Num": number})
        return found

    def create_preview_configuration(
        self, main: Settings | None = None, lores: Settings | None = None, raw: Settings | None = None, buffer_count: int = 4, queue: bool = True,
    ) -> dict[str, Any]:
        return _configuration("preview", main, lores, buffer_count, queue)

    def create_still_configuration(
        self, main: Settings | None = None, lores: Settings | None = None, raw: Settings | None = None, buffer_count: int = 1, queue: bool = True,
    ) -> dict[str, Any]:
        return _configuration("still", main, lores, buffer_count, queue)

    def configure(self, camera_config: dict[str, Any]) -> None:
        main, lores = camera_config["main"], camera_config["lores"]
        if lores is not None and any(small > large for small, large in zip(lores["size"], main["size"], strict=True)):
            raise RuntimeError("lores stream dimensions may not exceed main stream")
        self._ask({"do": "configure", "main": main, "lores": lores, "queue": camera_config["queue"]})

    def set_controls(self, controls: Settings) -> None:
        unknown = [name for name in controls if name not in self.camera_controls]
        if unknown:
            raise RuntimeError(f"Control {unknown[0]} is not advertised by libcamera")
        self._ask({"do": "controls", "controls": {name: list(value) if isinstance(value, tuple) else value for name, value in controls.items()}})

    def start(self) -> None:
        self._ask({"do": "start"})

    def stop(self) -> None:
        self._ask({"do": "stop"})

    def close(self) -> None:
        with suppress(OSError):
            self._socket.shutdown(socket.SHUT_RDWR)
        self._stream.close()
        self._socket.close()

    def autofocus_cycle(self, wait: bool = True) -> bool:
        return bool(self._ask({"do": "focus"})[0]["focused"])

    @contextmanager
    def captured_request(self, wait: bool | None = None, flush: bool | None = None) -> Iterator[CompletedRequest]:
        header, _ = self._ask({"do": "frame", "flush_ns": time.monotonic_ns() if flush else None})
        yield CompletedRequest(self, header["frame"], header["metadata"])

    def _ask(self, request: dict[str, Any]) -> tuple[dict[str, Any], bytes]:
        """One request; the answer is a JSON line and, where it says so, that many bytes."""
        with self._turn:
            try:
                self._socket.sendall(json.dumps(request).encode() + b"\n")
                line = self._stream.readline()
                header: dict[str, Any] = json.loads(line) if line else {"error": "Camera frontend has timed out! The camera has gone."}
                payload = self._stream.read(header.get("bytes", 0))
                if len(payload) < header.get("bytes", 0):
                    raise EOFError("half a frame")
            except (OSError, EOFError, ValueError) as problem:
                raise RuntimeError("Camera frontend has timed out! The camera has gone.") from problem
        if "error" in header:
            raise RuntimeError(header["error"])
        return header, payload


def _addresses() -> list[str]:
    return [address for address in os.environ.get(ENVIRONMENT, "").split(",") if address]


def _configuration(use_case: str, main: Settings | None, lores: Settings | None, buffer_count: int, queue: bool) -> dict[str, Any]:
    return {
        "use_case": use_case,
        "main": {"size": (640, 480), "format": "XBGR8888", **(main or {})},
        "lores": None if lores is None else {"format": "YUV420", **lores},
        "buffer_count": buffer_count,
        "queue": queue,
    }
