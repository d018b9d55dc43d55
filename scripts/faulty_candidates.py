"""Candidates that fail, each in its own way, for benchmarks of the proxy before them."""

import asyncio
import contextlib
import logging
import multiprocessing
import os
import socket
import struct

from benchmark import free_port

ANSWER = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 17\r\n\r\n{\"score\": \"1.10\"}"
ERROR = b"HTTP/1.1 500 Internal Server Error\r\nContent-Length: 5\r\n\r\nerror"


async def late(seconds, writer):
    await asyncio.sleep(seconds)
    writer.write(ANSWER)
    return True


async def black_hole(writer):
    await asyncio.sleep(3600)


async def reset(writer):
    linger = struct.pack("ii", 1, 0)
    writer.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, linger)


async def one_byte_a_second(writer):
    for byte in ANSWER:
        writer.write(bytes([byte]))
        await asyncio.sleep(1)
    return True


async def error(writer):
    writer.write(ERROR)
    return True


async def garbage(writer):
    writer.write(os.urandom(512))


async def endless(writer):
    writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 1073741824\r\n\r\n")
    for _ in range(16384):
        writer.write(bytes(65536))
        await writer.drain()
    return True


async def killed(writer):
    writer.write(ANSWER[: len(ANSWER) // 2])


# What a candidate does with a request, and then with the connection: it is kept only after True.
FAULTS = {
    "answers after 200 ms": lambda writer: late(0.2, writer),
    "answers after 5 s": lambda writer: late(5, writer),
    "never answers": black_hole,
    "resets connections": reset,
    "sends 1 byte per second": one_byte_a_second,
    "answers 500": error,
    "answers garbage": garbage,
    "answers 1 GB": endless,
    "dies in the middle of an answer": killed,
}


async def listen(port, fault):
    async def serve(reader, writer):
        with contextlib.suppress(ConnectionError, asyncio.IncompleteReadError, asyncio.LimitOverrunError):
            while await reader.readuntil(b"\r\n\r\n"):
                if not await fault(writer):
                    break
                await writer.drain()
        writer.close()

    await asyncio.start_server(serve, "127.0.0.1", port, backlog=1024)


def _run(ports):
    # What a candidate needs must not be taken from what is measured.
    os.nice(19)
    # Clients that hang up are what some of these are for.
    logging.getLogger("asyncio").setLevel(logging.CRITICAL)

    async def main():
        for name, port in ports.items():
            await listen(port, FAULTS[name])
        await asyncio.Event().wait()

    asyncio.run(main())


def start():
    """Starts all of them in a process of its own, which ends with this one; returns the port of each."""
    ports = {name: free_port() for name in FAULTS}
    multiprocessing.Process(target=_run, args=(ports,), daemon=True).start()
    return ports
