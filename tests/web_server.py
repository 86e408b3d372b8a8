"""The application behind a real socket on loopback, in a thread of the test process."""

import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager

import uvicorn
from fastapi import FastAPI

from tests.servers import LOOPBACK, wait_until


@contextmanager
def running_web(app: FastAPI) -> Iterator[str]:
    """Serve ``app``; gives its base address."""
    listener = socket.create_server((LOOPBACK, 0))
    # asyncio does this only for sockets made with IPPROTO_TCP; without it each answer waits 40 ms for an acknowledgement
    listener.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    server = uvicorn.Server(
        uvicorn.Config(app, http="h11", loop="asyncio", lifespan="off", log_config=None, proxy_headers=False)
    )
    thread = threading.Thread(target=server.run, kwargs={"sockets": [listener]}, name="web-server")
    thread.start()
    try:
        wait_until(lambda: server.started, what="the web server")
        yield f"http://{LOOPBACK}:{listener.getsockname()[1]}"
    finally:
        server.should_exit = True
        thread.join()
        listener.close()
