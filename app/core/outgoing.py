"""Calls to other machines: only where an administrator allowed it, and never to this one or to what lies beside it.

Offices have their systems on private addresses, so what is refused is everything nobody has named. An address is read in
its one plain spelling, its name is looked up once, every address found is judged, and the one judged is called.
"""

from __future__ import annotations

import asyncio
import re
import socket
import ssl
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from email.utils import parsedate_to_datetime
from functools import cache
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address, ip_network
from typing import Final, Literal, NamedTuple

import httpx2

from app.core import clock

Address = IPv4Address | IPv6Address
Network = IPv4Network | IPv6Network
Reason = Literal["calls_not_configured", "url_malformed", "host_not_allowed", "host_unresolvable", "address_forbidden"]
Resolve = Callable[[str, int], Awaitable[list[str]]]

CONNECT_SECONDS: Final = 3.0
CALL_SECONDS: Final = 15.0
ANSWER_BYTES: Final = 2048
"""So much of an answer is read, for the connection's sake; what it says is of no interest."""
LONGEST_URL: Final = 2000

_URL: Final = re.compile(
    r"(?P<scheme>https?)://(?P<host>\[[0-9A-Fa-f:.]+\]|[A-Za-z0-9.-]+)(?::(?P<port>[1-9][0-9]{0,4}))?"
    r"(?P<target>(?:/[A-Za-z0-9._~:/@!$&'()*+,;=%-]*)?(?:\?[A-Za-z0-9._~:/?@!$&'()*+,;=%-]*)?)\Z",
    re.ASCII,
)
_ENTRY: Final = re.compile(
    r"(?:\[(?P<bracketed>[^\]]+)\]|(?P<plain>[^:\[\]]+)|(?P<six>[0-9a-f:.]*:[0-9a-f:./]*))(?::(?P<port>[1-9][0-9]{0,4}))?\Z",
    re.ASCII,
)
_LABEL: Final = re.compile(r"(?!-)[a-z0-9-]{1,63}(?<!-)\Z", re.ASCII)
_NUMERIC: Final = re.compile(r"[0-9]+\Z|0x[0-9a-f]*\Z", re.ASCII)
_PORTS: Final[Mapping[str, int]] = {"https": 443, "http": 80}
_LONGEST_NAME: Final = 253
_LAST_PORT: Final = 65_535
_NEVER: Final[tuple[Network, ...]] = tuple(
    ip_network(text)
    for text in (
        "0.0.0.0/8", "100.100.100.200/32", "255.255.255.255/32",  # this host, a cloud's metadata, everybody
        "::/96", "64:ff9b::/96", "64:ff9b:1::/48", "2001::/32", "2002::/16",  # IPv4 in disguise
        "fec0::/10", "fd00:ec2::254/128",
    )
)  # fmt: skip


class RefusedError(Exception):
    """There will be no call; the reason is for people who may know the address."""

    def __init__(self, reason: Reason) -> None:
        super().__init__(reason)
        self.reason: Reason = reason


class WrongHostError(ValueError):
    """An entry of the setting that means nothing."""


class Url(NamedTuple):
    """A web address in its one plain spelling; `address` where the host is one already."""

    scheme: str
    host: str
    port: int
    target: str
    address: Address | None

    @property
    def authority(self) -> str:
        """What the Host header says."""
        host = f"[{self.host}]" if isinstance(self.address, IPv6Address) else self.host
        return host if self.port == _PORTS[self.scheme] else f"{host}:{self.port}"


def parse_url(text: str) -> Url:
    """Raises RefusedError for whatever two programs might read differently: only one plain spelling is understood."""
    found = _URL.match(text) if len(text) <= LONGEST_URL else None
    if found is None:
        raise RefusedError("url_malformed")
    port = int(found["port"] or _PORTS[found["scheme"]])
    if port > _LAST_PORT:
        raise RefusedError("url_malformed")
    address = _literal(found["host"])
    host = found["host"].lower() if address is None else str(address)
    if address is None and not _is_name(host):
        raise RefusedError("url_malformed")
    return Url(found["scheme"], host, port, found["target"] or "/", address)


def _literal(host: str) -> Address | None:
    """The address a host is, in the spelling every program agrees on; a name that ends in a number is none of both."""
    try:
        if host.startswith("["):
            return IPv6Address(host[1:-1])
        if _NUMERIC.match(host.lower().rpartition(".")[2]):
            return IPv4Address(host)
    except ValueError:
        raise RefusedError("url_malformed") from None
    return None


def _is_name(host: str) -> bool:
    return len(host) <= _LONGEST_NAME and all(_LABEL.match(label) for label in host.split("."))


def forbidden(address: Address) -> bool:
    """Whether nobody may allow it: this machine, its link, groups, what stands for nothing, IPv4 within IPv6."""
    return (
        address.is_loopback
        or address.is_link_local
        or address.is_multicast
        or address.is_unspecified
        or address.is_reserved
        or (isinstance(address, IPv6Address) and address.ipv4_mapped is not None)
        or any(address.version == network.version and address in network for network in _NEVER)
    )


@dataclass(frozen=True, slots=True)
class _Entry:
    """One name, everything below a name, or a network; without a port it means the usual one of the scheme."""

    port: int | None
    name: str = ""
    network: Network | None = None

    def covers_port(self, url: Url) -> bool:
        return url.port == (self.port or _PORTS[url.scheme])

    def covers_name(self, host: str) -> bool:
        if self.name.startswith("*."):
            return host.endswith(self.name[1:]) and host != self.name[2:]
        return host == self.name

    def covers_address(self, address: Address) -> bool:
        return self.network is not None and address.version == self.network.version and address in self.network


@dataclass(frozen=True, slots=True)
class Allowed:
    """What RECTIFY_WEBHOOK_HOSTS says: a host may be called by its name, or wherever all its addresses are allowed."""

    entries: tuple[_Entry, ...] = ()

    @classmethod
    def parse(cls, texts: Iterable[str]) -> Allowed:
        """Raises WrongHostError."""
        return cls(tuple(_entry(text.strip().lower()) for text in texts))

    def require(self, url: Url) -> None:
        """What can be said before a name is looked up: names that nobody allowed are not even asked for."""
        if not self.entries:
            raise RefusedError("calls_not_configured")
        fitting = [entry for entry in self.entries if entry.covers_port(url)]
        if url.address is None and not any(entry.network or entry.covers_name(url.host) for entry in fitting):
            raise RefusedError("host_not_allowed")

    def judge(self, url: Url, addresses: list[Address]) -> None:
        """Raises RefusedError unless each of the host's addresses may be called."""
        fitting = [entry for entry in self.entries if entry.covers_port(url)]
        named = url.address is None and any(entry.covers_name(url.host) for entry in fitting)
        covered = addresses and all(any(entry.covers_address(one) for entry in fitting) for one in addresses)
        if not named and not covered:
            raise RefusedError("host_not_allowed")
        if not addresses:
            raise RefusedError("host_unresolvable")
        if any(forbidden(address) for address in addresses):
            raise RefusedError("address_forbidden")


def _entry(text: str) -> _Entry:
    found = _ENTRY.match(text)
    if found is None or int(found["port"] or 1) > _LAST_PORT:
        raise WrongHostError(text)
    host = found["bracketed"] or found["plain"] or found["six"]
    port = int(found["port"]) if found["port"] else None
    try:
        return _Entry(port, network=ip_network(host))
    except ValueError:
        if "/" in host or _NUMERIC.match(host.rpartition(".")[2]) or not _is_name(host.removeprefix("*.")):
            raise WrongHostError(text) from None
    return _Entry(port, name=host)


class Answer(NamedTuple):
    """What came back: a status, or a word for why none did; `retry_after` in seconds."""

    status: int | None
    error: str | None = None
    retry_after: float | None = None


async def look_up(host: str, port: int) -> list[str]:
    """Every address of a name; empty where there is none."""
    try:
        async with asyncio.timeout(CONNECT_SECONDS):
            found = await asyncio.get_running_loop().getaddrinfo(host, port, type=socket.SOCK_STREAM)
    except (OSError, TimeoutError, UnicodeError):
        return []
    return [str(entry[4][0]) for entry in found]


@cache
def _trusted() -> ssl.SSLContext:
    """The authorities the machine trusts, those of an office among them; read when the first call needs them."""
    return ssl.create_default_context()


@dataclass(frozen=True, slots=True)
class Outgoing:
    """The way out of this process: to what is allowed, past no proxy, following nobody."""

    allowed: Allowed
    resolve: Resolve = look_up
    tls: ssl.SSLContext | None = None

    async def locate(self, text: str) -> tuple[Url, Address]:
        """The address to call, looked up once and judged with all its siblings; raises RefusedError."""
        url = parse_url(text)
        self.allowed.require(url)
        found = [url.address] if url.address else [ip_address(one) for one in await self.resolve(url.host, url.port)]
        self.allowed.judge(url, found)
        return url, found[0]

    @asynccontextmanager
    async def line(self, text: str) -> AsyncIterator[Line]:
        """Calls to one address, all to the machine that was judged; raises RefusedError."""
        url, address = await self.locate(text)
        limits = httpx2.Limits(max_connections=None, keepalive_expiry=5)
        timeout = httpx2.Timeout(CALL_SECONDS, connect=CONNECT_SECONDS)
        async with httpx2.AsyncClient(
            verify=self.tls or _trusted(), trust_env=False, limits=limits, timeout=timeout
        ) as http:
            yield Line(http, url, address)


@dataclass(frozen=True, slots=True)
class Line:
    """An open way to one receiver."""

    http: httpx2.AsyncClient
    url: Url
    address: Address

    async def post(self, body: bytes, headers: Mapping[str, str]) -> Answer:
        """Never raises for what the other side does."""
        target = httpx2.URL(
            scheme=self.url.scheme, host=str(self.address), port=self.url.port, raw_path=self.url.target.encode()
        )
        sent = {**headers, "Host": self.url.authority, "Accept-Encoding": "identity"}
        # The certificate is that of the name, wherever the name was found to be.
        named = {"sni_hostname": self.url.host} if self.url.address is None else {}
        try:
            async with (
                asyncio.timeout(CALL_SECONDS),
                self.http.stream("POST", target, content=body, headers=sent, extensions=named) as answer,
            ):
                await _skim(answer)
                return Answer(answer.status_code, None, _retry_after(answer.headers.get("retry-after")))
        except (TimeoutError, httpx2.TimeoutException):
            return Answer(None, "timeout")
        except httpx2.ConnectError as error:
            return Answer(None, "tls" if "ssl" in repr(error.__cause__).lower() else "connect")
        except httpx2.HTTPError:
            return Answer(None, "broken_answer")


async def _skim(answer: httpx2.Response) -> None:
    """A short answer is read to its end, so that the connection can be used again; a long one is dropped with it."""
    read = 0
    async for piece in answer.aiter_raw():
        read += len(piece)
        if read >= ANSWER_BYTES:
            return


def _retry_after(text: str | None) -> float | None:
    """Seconds, or a date of the other side's clock."""
    if text is None:
        return None
    if text.isascii() and text.isdigit():
        return float(text[:9])
    try:
        return max((parsedate_to_datetime(text) - clock.now()).total_seconds(), 0.0)
    except (ValueError, TypeError):
        return None
