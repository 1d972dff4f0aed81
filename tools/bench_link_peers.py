"""The other ways to send a record, for `./rekam bench link`: paho as most people use it, and a resumable upload (tus 1.0).

    python -m tools.bench_link_peers mqtt-sender|mqtt-receiver|tus-sender FOLDER

`mqtt-sender` hands everything to paho at once, QoS 1, defaults: station.json's `message_bytes` cuts a record into messages (0: whole). `tus-sender`
asks with HEAD how much is there and streams the rest in one PATCH; sockets have the same user time-out as ours.
"""

import http.client
import json
import signal
import socket
import struct
import sys
import threading
import time
from pathlib import Path
from typing import Any

import paho.mqtt.client as paho
from paho.mqtt.enums import CallbackAPIVersion

from edge.clock import random_bytes

TOPIC = "bench/record"
HEAD = struct.Struct(">IIH")
"""record, message number, messages of that record"""
USER_TIMEOUT_MS = 8_000
TUS_TIMEOUT_S = 12.0
PIECE = 16_384


def messages(records: int, size: int, message_bytes: int) -> list[bytes]:
    """All that is to be sent."""
    step = message_bytes or size
    count = -(-size // step)
    return [HEAD.pack(record, number, count) + random_bytes(min(step, size - number * step)) for record in range(records) for number in range(count)]


def mqtt_sender(folder: Path, facts: dict[str, Any]) -> None:
    waiting = messages(facts["records"], facts["record_bytes"], facts["message_bytes"])
    _ready()
    client = paho.Client(CallbackAPIVersion.VERSION2, client_id="bench-sender", clean_session=False)
    client.reconnect_delay_set(1, 4)
    client.max_queued_messages_set(0)
    client.connect_async(facts["host"], facts["port"])
    client.loop_start()
    for message in waiting:
        client.publish(TOPIC, message, qos=1)
    signal.pause()


def mqtt_receiver(folder: Path, facts: dict[str, Any]) -> None:
    """Counts each message once."""
    got: dict[tuple[int, int], int] = {}
    missing: dict[int, set[int]] = {}
    first: list[float] = []

    def arrived(_client: object, _data: object, message: paho.MQTTMessage) -> None:
        record, number, count = HEAD.unpack_from(message.payload)
        got[record, number] = len(message.payload) - HEAD.size
        left = missing.setdefault(record, set(range(count)))
        left.discard(number)
        if not left and not first:
            first.append(time.monotonic())

    client = paho.Client(CallbackAPIVersion.VERSION2, client_id="bench-receiver")
    client.on_message = arrived
    client.on_connect = lambda found, *_: found.subscribe(TOPIC, qos=1)
    client.on_subscribe = lambda *_: print("ready", flush=True)
    client.connect(facts["host"], facts["port"])
    client.loop_start()
    told = threading.Event()
    signal.signal(signal.SIGTERM, lambda *_: told.set())
    told.wait()
    result = {"records": sum(not left for left in missing.values()), "payload_bytes": sum(got.values()), "first_s": first[0] if first else None}
    (folder / "result.json").write_text(json.dumps(result), encoding="utf-8")


def tus_sender(folder: Path, facts: dict[str, Any]) -> None:
    """One upload after the other, each resumed until it is whole."""
    records = [random_bytes(facts["record_bytes"]) for _ in range(facts["records"])]
    _ready()
    for record in records:
        upload = Upload(facts["host"], facts["port"], record)
        while not upload.done:
            try:
                upload.go_on()
            except (OSError, http.client.HTTPException):
                upload.disconnect()
                time.sleep(0.5)
    signal.pause()


class Upload:
    """One file; the server says how much it has."""

    def __init__(self, host: str, port: int, data: bytes) -> None:
        self._address, self._data = (host, port), data
        self._connection: http.client.HTTPConnection | None = None
        self._place = ""
        self._offset: int | None = None
        self.done = False

    def go_on(self) -> None:
        """Create, ask or send; each failure is an OSError or HTTPException. After a broken stream the server is asked where it stands."""
        connection = self._connected()
        if not self._place:
            connection.request("POST", "/files", headers={"Tus-Resumable": "1.0.0", "Upload-Length": str(len(self._data))})
            self._place = str(_answer(connection, 201).headers["Location"]).split("//", 1)[-1].split("/", 1)[-1]
            self._offset = 0
        if self._offset is None:
            connection.request("HEAD", f"/{self._place}", headers={"Tus-Resumable": "1.0.0"})
            self._offset = int(_answer(connection, 200).headers["Upload-Offset"])
        offset, self._offset = self._offset, None
        self._send(connection, offset)
        self.done = True

    def disconnect(self) -> None:
        if self._connection is not None:
            self._connection.close()
        self._connection = None

    def _send(self, connection: http.client.HTTPConnection, offset: int) -> None:
        headers = {
            "Tus-Resumable": "1.0.0", "Upload-Offset": str(offset), "Content-Type": "application/offset+octet-stream",
            "Content-Length": str(len(self._data) - offset),
        }
        connection.putrequest("PATCH", f"/{self._place}")
        for name, value in headers.items():
            connection.putheader(name, value)
        connection.endheaders()
        for at in range(offset, len(self._data), PIECE):
            connection.send(self._data[at : at + PIECE])
        _answer(connection, 204)

    def _connected(self) -> http.client.HTTPConnection:
        if self._connection is None:
            self._connection = http.client.HTTPConnection(*self._address, timeout=TUS_TIMEOUT_S)
            self._connection.connect()
            self._connection.sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT, USER_TIMEOUT_MS)
        return self._connection


def _answer(connection: http.client.HTTPConnection, wanted: int) -> http.client.HTTPResponse:
    response = connection.getresponse()
    response.read()
    if response.status != wanted:
        raise http.client.HTTPException(f"status {response.status}")
    return response


def _ready() -> None:
    """Say so and wait for the word."""
    print("ready", flush=True)
    sys.stdin.readline()


ROLES = {"mqtt-sender": mqtt_sender, "mqtt-receiver": mqtt_receiver, "tus-sender": tus_sender}

if __name__ == "__main__":
    side = "district" if sys.argv[1] == "mqtt-receiver" else "station"
    ROLES[sys.argv[1]](Path(sys.argv[2]), json.loads(Path(sys.argv[2], f"{side}.json").read_text(encoding="utf-8")))
