"""The page's HTTP server within the station's own event loop."""

import logging
from typing import Any

import uvicorn
from starlette.types import ASGIApp

log = logging.getLogger(__name__)
GRACE_S = 2
"""for pages that still read, at the end"""


class PageServer(uvicorn.Server):
    """uvicorn without its own signal handlers and without its `sys.exit` when the port is taken; then `failed` is True."""

    def __init__(self, page: ASGIApp, host: str, port: int) -> None:
        super().__init__(
            uvicorn.Config(page, host=host, port=port, log_level="warning", lifespan="off", server_header=False,
                           ws="websockets-sansio", ws_per_message_deflate=False, timeout_graceful_shutdown=GRACE_S),
        )
        self.failed = False

    async def serve(self, sockets: Any = None) -> None:
        try:
            await self._serve(sockets)
        except SystemExit:
            self.failed = True
            log.critical("the page's port %d is taken; stop the other program or choose another page_port", self.config.port)
