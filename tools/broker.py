"""A broker for the demo and for benches: Mosquitto as a child with its own configuration; amqtt where no package can be had.

Custody trusts no broker (DESIGN section 5, decision 15), so the stand-in only has to carry messages.
"""

import asyncio
import os
import shutil
import sys
from pathlib import Path

from tools.children import Child, free_port

MOSQUITTO_CONF = """\
user root
listener {port} 127.0.0.1
allow_anonymous true
persistence false
max_packet_size 1048576
max_inflight_messages 64
max_queued_messages 2000
log_type error
log_type warning
"""
"""user root: one that changes its user forgets that it is to end with its parent (prctl(2)); ignored where nobody is root"""
AMQTT_CONF = """\
listeners:
  default:
    type: tcp
    bind: 127.0.0.1:{port}
plugins:
  amqtt.plugins.authentication.AnonymousAuthPlugin:
    allow_anonymous: true
"""


class Broker:
    """One running broker on a free loopback port."""

    def __init__(self, folder: Path) -> None:
        self.port = free_port()
        found = shutil.which("mosquitto", path=f"{os.environ.get('PATH', '')}:/usr/sbin")
        self.kind = "mosquitto" if found else "amqtt"
        configuration = folder / f"{self.kind}.conf"
        text = (MOSQUITTO_CONF if found else AMQTT_CONF).format(port=self.port)
        configuration.write_text(text, encoding="utf-8")
        command = [found, "-c", str(configuration)] if found else [sys.executable, "-m", "amqtt.scripts.broker_script", "-c", str(configuration)]
        self.child = Child("broker", command, folder / "broker.log")

    async def start(self, timeout_s: float = 15.0) -> None:
        """Returns once the port answers. Raises RuntimeError with the log's end otherwise."""
        await self.child.start()
        async with asyncio.timeout(timeout_s):
            while not await self._answers():
                if not self.child.running:
                    raise RuntimeError(f"the broker ({self.kind}) ended at once: {self.child.tail()}")

    async def _answers(self) -> bool:
        try:
            _, writer = await asyncio.open_connection("127.0.0.1", self.port)
        except OSError:
            await asyncio.sleep(0.05)
            return False
        writer.close()
        await writer.wait_closed()
        return True
