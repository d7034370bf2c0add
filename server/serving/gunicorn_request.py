"""A request as gunicorn parses it, whose body may be broken, or left where it is."""

from __future__ import annotations

from typing import Any

from gunicorn.http.body import ChunkedReader, LengthReader
from gunicorn.http.errors import ParseException
from gunicorn.http.message import Request

from server.errors import ApiError

DRAINED = 64 * 1024
"""Bytes of a body below which it is read to its end after the answer: it has come already."""


class Chunks(ChunkedReader):
    """A body in chunks. Broken ones are the client's fault and no error of the server."""

    def read(self, size: int) -> bytes:
        """The next bytes. Raises a 400 where they are not what HTTP has for chunks."""
        try:
            return super().read(size)
        except ParseException as error:
            raise ApiError(400, "bad-chunks", "the body's chunks are broken") from error


class PatientRequest(Request):
    """Ends its connection after the answer, and says so, where its body was not read."""

    # gunicorn's own says what they may be for each kind of reader.
    body: Any
    unreader: Any

    def set_body_reader(self) -> None:
        """Find out how the body is sent."""
        super().set_body_reader()
        if isinstance(self.body.reader, ChunkedReader):
            self.body.reader = Chunks(self, self.unreader)

    def should_close(self) -> bool:
        """Whether nothing follows on this connection: asked as the head of an answer is written."""
        # Once said it stays so, whatever is read of the body afterwards.
        self.must_close = bool(super().should_close() or self.body.failed or self._is_left())
        return self.must_close

    def _is_left(self) -> bool:
        reader = self.body.reader
        if isinstance(reader, LengthReader):
            here = self.unreader.buf.getbuffer().nbytes
            return reader.length >= DRAINED or reader.length > here
        return isinstance(reader, ChunkedReader) and reader.parser is not None
