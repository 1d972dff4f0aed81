"""Bodies of requests: no more is read than the route allows, and whoever goes away half-way is no error of ours."""

from starlette.requests import ClientDisconnect, Request


class BadRequest(Exception):
    """What arrived cannot be taken; `code` is a text."""

    def __init__(self, code: str, status: int) -> None:
        super().__init__(code)
        self.code = code
        self.status = status


async def read_body(request: Request, bytes_max: int) -> bytes:
    """Raises BadRequest."""
    body = bytearray()
    try:
        async for piece in request.stream():
            body += piece
            if len(body) > bytes_max:
                raise BadRequest("body_too_large", 413)
    except ClientDisconnect as error:
        raise BadRequest("bad_request", 400) from error
    return bytes(body)
