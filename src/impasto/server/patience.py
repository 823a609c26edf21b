"""Connections whose clients must come to the point: who does not send the head of a request in time is hung up on.

uvicorn waits for it for ever, and a connection that is waited on is one less for others.  Its protocol is a class to be given by
`http=`; what it keeps in `conn` is h11's connection, whose states are documented, and tests hold on to that.
"""

from __future__ import annotations

import asyncio
from typing import Final

import h11
from uvicorn.protocols.http.h11_impl import H11Protocol

from impasto.server.problems import Problem, answer

HEAD_S: Final = 20.0
"""From the connection's opening, or the head's first byte, to its end."""


class Impatient(H11Protocol):
    """uvicorn's connection, and a clock that runs while a head is waited for."""

    _clock: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """Called by asyncio."""
        super().connection_made(transport)
        self._look()

    def data_received(self, data: bytes) -> None:
        """Called by asyncio."""
        super().data_received(data)
        self._look()

    def connection_lost(self, exc: Exception | None) -> None:
        """Called by asyncio."""
        self._stop()
        super().connection_lost(exc)

    def send_400_response(self, msg: str) -> None:
        """Answer what is no HTTP as all other errors are answered.  Called by uvicorn."""
        if self.conn.our_state in {h11.IDLE, h11.SEND_RESPONSE}:
            response = answer(Problem(400, "invalid_settings", "this is no request that HTTP knows"))
            headers = [*response.raw_headers, (b"connection", b"close")]
            events = (h11.Response(status_code=400, headers=headers), h11.Data(data=bytes(response.body)), h11.EndOfMessage())
            for event in events:
                self.transport.write(self.conn.send(event) or b"")
        self.transport.close()  # in the middle of an answer there is nothing left to say

    def _look(self) -> None:
        if self.conn.their_state is not h11.IDLE:
            self._stop()
        elif self._clock is None:
            self._clock = self.loop.call_later(HEAD_S, self._hang_up)

    def _stop(self) -> None:
        if self._clock is not None:
            self._clock.cancel()
            self._clock = None

    def _hang_up(self) -> None:
        self.transport.abort()  # without waiting that an earlier answer is read
