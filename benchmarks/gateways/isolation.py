"""A network with nothing but loopback, and a core for the gateway alone: where the measurements take place."""

from __future__ import annotations

import contextlib
import ctypes
import fcntl
import os
import resource
import socket
import struct
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

_NEW_USER, _NEW_NETWORK = 0x1000_0000, 0x4000_0000
_GET_FLAGS, _SET_FLAGS, _UP = 0x8913, 0x8914, 0x1
_LONGEST_SLICE = ctypes.c_ulong(1_000)  # nanoseconds; by default the kernel wakes a sleeper up to 50 µs late
_SET_TIMER_SLACK = 29


@dataclass(frozen=True)
class Cores:
    """Where the gateway runs, and where the load and the provider do; the same one if the machine has only one."""

    gateway: int
    load: int

    @staticmethod
    def here() -> Cores:
        ours = sorted(os.sched_getaffinity(0))
        return Cores(ours[0], ours[-1])


def leave_network() -> bool:
    """Put this process and those it starts where only loopback is; says whether the system let it.

    So no gateway under test can reach or be reached by anything else, whatever it listens on.
    """
    libc = ctypes.CDLL(None, use_errno=True)
    user, group = os.geteuid(), os.getegid()
    if user == 0:
        if libc.unshare(_NEW_NETWORK) != 0:
            return False
    else:
        if libc.unshare(_NEW_USER | _NEW_NETWORK) != 0:
            return False
        Path("/proc/self/setgroups").write_text("deny")
        Path("/proc/self/uid_map").write_text(f"{user} {user} 1")
        Path("/proc/self/gid_map").write_text(f"{group} {group} 1")
    _raise_loopback()
    return True


def prepare_load(cores: Cores) -> None:
    """This process, and what it starts: on the load's core, with exact timers, and files enough for many sockets."""
    os.sched_setaffinity(0, {cores.load})
    ctypes.CDLL(None).prctl(_SET_TIMER_SLACK, _LONGEST_SLICE, 0, 0, 0)
    _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))


@contextlib.contextmanager
def on_core(core: int) -> Iterator[None]:
    """What is started within runs on that core."""
    before = os.sched_getaffinity(0)
    os.sched_setaffinity(0, {core})
    try:
        yield
    finally:
        os.sched_setaffinity(0, before)


def _raise_loopback() -> None:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as any_socket:
        request = struct.pack("16sH14x", b"lo", 0)
        (flags,) = struct.unpack_from("H", fcntl.ioctl(any_socket, _GET_FLAGS, request), 16)
        fcntl.ioctl(any_socket, _SET_FLAGS, struct.pack("16sH14x", b"lo", flags | _UP))
