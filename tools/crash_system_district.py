"""The crash test's district: the store, verifier and receiver that ship; only the loop of `district.ingest` is stood in for."""

from contextlib import suppress

import apsw
from cryptography.hazmat.primitives.asymmetric import ec

from district.quota import Limits
from district.store import DistrictStore
from protocols.custody import Receiver
from protocols.custody.wire import Kind
from protocols.sealing import SoftwareSigner, kid_of
from simulators.disk import DiskVfs
from simulators.payload_disk import PayloadDisk
from tools.crash_system_nodes import BROKEN, DISTRICT, DISTRICT_KEY, FOLDER, STATION, STATION_KEY, Bench, Node

FATAL = (apsw.IOError, apsw.CorruptError, apsw.NotADBError)
"""the district program ends with these (district/app.py)"""


class DistrictNode(Node):
    """Listens, verifies, keeps, answers."""

    start_ticks = 150

    def __init__(self, bench: Bench, vfs: DiskVfs) -> None:
        super().__init__(bench, "district", vfs)
        self.store: DistrictStore | None = None
        self.receiver: Receiver | None = None
        self._kid = kid_of(STATION_KEY.public_key())
        self._batch: list[tuple[str, bytes]] = []
        bench.air.to_district = self._arrive

    def known(self, station: str) -> bool:
        return station == STATION

    def key(self, station: str, kid: bytes) -> ec.EllipticCurvePublicKey | None:
        return STATION_KEY.public_key() if (station, kid) == (STATION, self._kid) else None

    def start(self) -> None:
        disk = PayloadDisk(self.disk)
        self.store = DistrictStore.open(FOLDER, self, SoftwareSigner(DISTRICT_KEY), DISTRICT, self.clock, Limits(10**6, 10**6), vfs=self.vfs_name, disk=disk)
        self.receiver = Receiver(self.store)
        self._batch = []
        self.bench.air.down("hello", b"")

    def stopped(self) -> None:
        store, self.store, self.receiver = self.store, None, None
        if store is not None:
            with suppress(*BROKEN):
                store.close()

    def failed(self, error: Exception) -> None:
        """As the district program: nothing of the batch is acknowledged; when the database failed, it starts anew on what the disk has."""
        super().failed(error)
        if self.store is None or isinstance(error, FATAL):
            self.restart_program()

    def _arrive(self, word: str, frame: bytes) -> None:
        if not self.up or self.store is None:
            return
        if not self._batch:
            self.later(0.05, self._work)
        self._batch.append((word, frame))

    def _work(self) -> None:
        batch, self._batch = self._batch, []
        if self.store is None or self.receiver is None:
            return
        receiver = self.receiver
        try:
            for word, frame in batch:
                receiver.handle(STATION, word, frame)
            answers = receiver.settle()
        finally:
            receiver.forget()
        for _, frame in answers:
            self.bench.air.down(Kind(frame[1]).name.lower(), frame)
