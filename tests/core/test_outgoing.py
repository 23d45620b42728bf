"""Which addresses may be called: read in one spelling, named by an administrator, and judged where they really lead."""

from __future__ import annotations

import ssl
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from itertools import cycle
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from app.core import clock
from app.core.doctor import Verdict, check_outgoing
from app.core.outgoing import ANSWER_BYTES, Allowed, Answer, Outgoing, RefusedError, WrongHostError, parse_url
from app.main import create_app
from tests.support.receiver import Answering, receiving
from tests.support.service import settings_for

OFFICE = Allowed.parse(
    ["oa.example.gov.cn", "*.apps.example.gov.cn:8443", "10.20.0.0/16", "10.20.0.0/16:8080", "[fd12::/16]:8443", "oa"]
)
EVERYWHERE = Allowed.parse(["0.0.0.0/0", "::/0", "0.0.0.0/0:8080", "*.test", "*.test:8080", "localhost"])
"""As careless as a setting can be."""
ADDRESSES = {
    "oa.example.gov.cn": ["10.1.2.3"],
    "oa": ["192.168.7.7"],
    "crm.apps.example.gov.cn": ["172.16.0.5", "172.16.0.6"],
    "elsewhere.example.gov.cn": ["203.0.113.9"],
    "inside.test": ["10.20.3.4"],
    "half.test": ["10.20.3.4", "10.99.0.1"],
    "localhost": ["127.0.0.1"],
    "mixed.test": ["10.20.3.4", "127.0.0.1"],
    "v6loop.test": ["::1"],
    "mapped.test": ["::ffff:10.20.3.4"],
    "link.test": ["fe80::1%eth0"],
    "metadata.test": ["169.254.169.254"],
    "cloud.test": ["100.100.100.200"],
    "any.test": ["0.0.0.0"],  # noqa: S104 - an address to be refused
    "group.test": ["239.1.1.1"],
    "nat.test": ["64:ff9b::7f00:1"],
    "tunnel.test": ["2002:7f00:1::"],
    "teredo.test": ["2001:0:4136:e378:8000:63bf:3fff:fdd2"],
}
MALFORMED = [
    "", "oa.example.gov.cn", "//oa.example.gov.cn/", "ftp://oa.example.gov.cn/", "file:///etc/passwd", "gopher://oa/",
    "HTTP://oa.example.gov.cn/", "http:/oa.example.gov.cn/", "http:///oa.example.gov.cn", "http://", "http://?x=1",
    "https://user@oa.example.gov.cn/", "https://user:word@oa.example.gov.cn/", "https://oa.example.gov.cn@evil.test/",
    "https://evil.test\\@oa.example.gov.cn/", "https://oa.example.gov.cn\\.evil.test/", "https://oa.example.gov.cn#@evil.test/",
    "https://oa.example.gov.cn/#top", "https://oa.example.gov.cn /", " https://oa.example.gov.cn/", "https://oa.example.gov.cn/\n",
    "https://oa.example.gov.cn/\r\nHost: evil.test", "https://oa.example.gov.cn\t/", "https://oa.example.gov.cn\x00/",
    "https://oa.example.gov.cn./", "https://.oa.example.gov.cn/", "https://oa..example.gov.cn/", "https://-oa.example.gov.cn/",
    "https://oa-.example.gov.cn/", "https://oa_x.example.gov.cn/", f"https://{'a' * 64}.gov.cn/", f"https://{'a.' * 130}cn/",
    "https://%6fa.example.gov.cn/", "https://oa%2eexample.gov.cn/", "https://云溪.政务/", "https://ｏａ.example.gov.cn/",
    "http://１０.２０.０.１/", "http://10。20。0。1/", "http://2130706433/", "http://017700000001/", "http://0x7f000001/",
    "http://0x7f.0.0.1/", "http://0177.0.0.1/", "http://127.1/", "http://127.0.1/", "http://10.20.0.01/", "http://10.20.0.256/",
    "http://10.20.0.1.5/", "http://a.b.0x1/", "http://1.2.3.0x/", "http://[fd12::1/", "http://fd12::1/", "http://[fd12::1%25eth0]/",
    "http://[::ffff:127.0.0.1.9]/", "http://[v1.fd12]/", "https://oa.example.gov.cn:0/", "https://oa.example.gov.cn:65536/",
    "https://oa.example.gov.cn:/", "https://oa.example.gov.cn:0443/", "https://oa.example.gov.cn:44a/", "https://oa.example.gov.cn:-1/",
    "https://oa.example.gov.cn:443:80/", "https://oa.example.gov.cn/a b", "https://oa.example.gov.cn/<script>",
    "https://oa.example.gov.cn/" + "a" * 2000,
]  # fmt: skip
NEVER = [
    "http://127.0.0.1/", "http://127.255.255.254/", "http://0.0.0.0/", "http://0.1.2.3/", "http://169.254.169.254/latest/",
    "http://100.100.100.200/", "http://224.0.0.1/", "http://240.0.0.1/", "http://255.255.255.255/", "http://[::1]/", "http://[::]/",
    "http://[::127.0.0.1]/", "http://[::ffff:127.0.0.1]/", "http://[::ffff:a14:1]/", "http://[0:0:0:0:0:ffff:10.20.0.1]/",
    "http://[64:ff9b::a14:1]/", "http://[2002:a14:1::]/", "http://[fe80::1]/", "http://[febf::1]/", "http://[fec0::1]/",
    "http://[ff02::1]/", "http://[fd00:ec2::254]/", "http://localhost/", "http://mixed.test/", "http://v6loop.test/",
    "http://mapped.test/", "http://link.test/", "http://metadata.test/", "http://cloud.test/", "http://any.test/",
    "http://group.test/", "http://nat.test/", "http://tunnel.test/", "http://teredo.test/", "http://127.0.0.1:8080/",
]  # fmt: skip
NOT_NAMED = [
    "https://elsewhere.example.gov.cn/", "https://apps.example.gov.cn:8443/", "https://xoa.example.gov.cn/",
    "https://oa.example.gov.cn.evil.test/", "https://oa.example.gov.cn:8443/", "https://crm.apps.example.gov.cn/",
    "http://10.21.0.1/", "http://10.20.0.1:8081/", "http://10.20.0.1:22/", "https://[fd13::1]:8443/", "https://[fd12::1]/",
    "http://half.test/", "https://203.0.113.9/",
]  # fmt: skip
FINE = {
    "https://oa.example.gov.cn": "10.1.2.3",
    "https://OA.Example.gov.cn/hooks?a=1&b=%20": "10.1.2.3",
    "http://oa.example.gov.cn:80/": "10.1.2.3",
    "http://oa/": "192.168.7.7",
    "https://crm.apps.example.gov.cn:8443/in": "172.16.0.5",
    "http://10.20.0.1/": "10.20.0.1",
    "https://10.20.255.254:443/": "10.20.255.254",
    "http://10.20.0.1:8080/": "10.20.0.1",
    "https://[fd12::1]:8443/": "fd12::1",
    "https://[FD12:0::0001]:8443/": "fd12::1",
    "http://inside.test/": "10.20.3.4",
}


async def look_up(host: str, _: int) -> list[str]:
    return ADDRESSES.get(host, [])


async def reason(allowed: Allowed, url: str) -> str:
    with pytest.raises(RefusedError) as caught:
        await Outgoing(allowed, look_up).locate(url)
    return caught.value.reason


def test_the_table_is_as_long_as_it_should_be() -> None:
    assert len({*MALFORMED, *NEVER, *NOT_NAMED}) >= 110


@pytest.mark.parametrize("url", MALFORMED, ids=lambda url: repr(url)[:40])
async def test_what_programs_might_read_differently_is_not_read_at_all(url: str) -> None:
    assert await reason(EVERYWHERE, url) == "url_malformed"


@pytest.mark.parametrize("url", NEVER)
async def test_this_machine_and_its_neighbours_are_never_called_whatever_is_allowed(url: str) -> None:
    assert await reason(EVERYWHERE, url) == "address_forbidden"


@pytest.mark.parametrize("url", NOT_NAMED)
async def test_what_nobody_named_is_not_called(url: str) -> None:
    assert await reason(OFFICE, url) == "host_not_allowed"


@pytest.mark.parametrize("url", FINE)
async def test_what_is_named_is_called_at_the_address_that_was_judged(url: str) -> None:
    _, address = await Outgoing(OFFICE, look_up).locate(url)
    assert str(address) == FINE[url]


@pytest.mark.parametrize("url", [*FINE, *NEVER])
async def test_without_the_setting_nothing_is_called_and_no_name_looked_up(url: str) -> None:
    async def never(host: str, port: int) -> list[str]:
        raise AssertionError((host, port))

    with pytest.raises(RefusedError) as caught:
        await Outgoing(Allowed.parse([]), never).locate(url)
    assert caught.value.reason == "calls_not_configured"


async def test_a_name_nobody_could_have_allowed_is_not_looked_up() -> None:
    async def never(host: str, port: int) -> list[str]:
        raise AssertionError((host, port))

    with pytest.raises(RefusedError):
        await Outgoing(Allowed.parse(["oa.example.gov.cn"]), never).locate("https://elsewhere.example.gov.cn/")


async def test_a_name_without_an_address_is_told_as_such() -> None:
    assert await reason(OFFICE, "https://gone.apps.example.gov.cn:8443/") == "host_unresolvable"


@pytest.mark.parametrize(
    "entry",
    ["", "http://oa", "oa:0", "oa:99999", "oa:x", "10.20.0.0/33", "10.20.0.1/8", "fd12::/16:8443x", "*", "*.", "a..b", "*.*.cn",
     "1.2.3", "云溪"],
)  # fmt: skip
def test_an_entry_that_means_nothing_is_refused(entry: str) -> None:
    with pytest.raises(WrongHostError):
        Allowed.parse(["oa", entry])


@pytest.mark.parametrize(
    "entry", ["oa", "OA.Example.cn:8443", "*.example.cn", "10.0.0.0/8", "10.1.2.3:80", "fd12::/16", "[fd12::1]:443"]
)
def test_an_entry_may_be_written_in_these_ways(entry: str) -> None:
    assert len(Allowed.parse([entry]).entries) == 1


def test_the_host_header_names_an_unusual_port_and_brackets() -> None:
    assert parse_url("https://oa:443/x").authority == "oa"
    assert parse_url("https://oa:8443").authority == "oa:8443"
    assert parse_url("http://[fd12::1]:8080/").authority == "[fd12::1]:8080"
    assert parse_url("http://oa?x=1").target == "?x=1"


async def test_a_name_that_points_elsewhere_the_second_time_is_called_where_it_was_judged() -> None:
    """Rebinding: there is one look-up, and the call goes to its outcome."""
    async with receiving() as receiver:
        answers: Iterator[list[str]] = cycle([[receiver.address], ["127.0.0.1"]])

        async def rebinding(_: str, __: int) -> list[str]:
            return next(answers)

        outgoing = Outgoing(Allowed.parse([f"oa.test:{receiver.port}"]), rebinding)
        async with outgoing.line(f"http://oa.test:{receiver.port}/in") as line:
            for _ in range(3):
                assert await line.post(b"{}", {}) == Answer(204)
        assert {got.headers["host"] for got in receiver.got} == {f"oa.test:{receiver.port}"}
        with pytest.raises(RefusedError, match="address_forbidden"):
            async with outgoing.line(f"http://oa.test:{receiver.port}/in"):
                pass


async def test_a_redirect_is_an_answer_and_not_an_instruction() -> None:
    async with receiving() as receiver, receiving() as trap:
        receiver.answer = lambda _: (302, {"location": trap.url})
        outgoing = Outgoing(Allowed.parse([receiver.host, trap.host]))
        async with outgoing.line(receiver.url) as line:
            assert await line.post(b"{}", {}) == Answer(302)
        assert trap.got == []


async def test_no_proxy_of_the_environment_is_used(monkeypatch: pytest.MonkeyPatch) -> None:
    async with receiving() as receiver, receiving() as proxy:
        for name in ("http_proxy", "HTTP_PROXY", "all_proxy", "ALL_PROXY"):
            monkeypatch.setenv(name, f"http://{proxy.host}")
        async with Outgoing(Allowed.parse([receiver.host])).line(receiver.url) as line:
            assert await line.post(b"{}", {}) == Answer(204)
        assert (len(receiver.got), len(proxy.got)) == (1, 0)


async def test_a_long_answer_is_not_read_to_its_end() -> None:
    async with receiving() as receiver:
        receiver.answer, receiver.padding = lambda _: (200, {}), b"x" * (50 * 1024 * 1024)
        async with Outgoing(Allowed.parse([receiver.host])).line(receiver.url) as line:
            assert (await line.post(b"{}", {})).status == 200
        receiver.padding = b"x" * (ANSWER_BYTES // 2)
        async with Outgoing(Allowed.parse([receiver.host])).line(receiver.url) as line:
            assert [(await line.post(b"{}", {})).status for _ in range(3)] == [200] * 3


async def test_nobody_there_and_nothing_but_silence_are_words_and_no_errors() -> None:
    async with receiving() as receiver:
        outgoing = Outgoing(Allowed.parse([receiver.host]))
        receiver.answer = lambda _: (99, {})
        async with outgoing.line(receiver.url) as line:
            assert await line.post(b"{}", {}) == Answer(None, "broken_answer")
        async with outgoing.line(f"https://{receiver.host}/") as line:
            assert (await line.post(b"{}", {})).error == "timeout"
    async with outgoing.line(receiver.url) as line:
        assert await line.post(b"{}", {}) == Answer(None, "connect")


def certificate(folder: Path, name: str) -> tuple[ssl.SSLContext, ssl.SSLContext]:
    """What a server of that name shows, and what trusts it."""
    key = ec.generate_private_key(ec.SECP256R1())
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
    now = clock.now()
    made = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(subject)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.DNSName(name)]), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .sign(key, hashes.SHA256())
    )
    pem, private = serialization.Encoding.PEM, folder / "key.pem"
    (folder / "certificate.pem").write_bytes(made.public_bytes(pem))
    private.write_bytes(key.private_bytes(pem, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()))
    shows = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    shows.load_cert_chain(folder / "certificate.pem", private)
    return shows, ssl.create_default_context(cafile=str(folder / "certificate.pem"))


async def test_a_certificate_is_that_of_the_name_and_not_of_the_address(tmp_path: Path) -> None:
    shows, trusts = certificate(tmp_path, "oa.test")
    async with receiving(shows) as receiver:

        async def here(_: str, __: int) -> list[str]:
            return [receiver.address]

        allowed = Allowed.parse([f"*.test:{receiver.port}", receiver.host])
        for outgoing, host, wanted in (
            (Outgoing(allowed, here, trusts), "oa.test", Answer(204)),
            (Outgoing(allowed, here, trusts), "other.test", Answer(None, "tls")),
            (Outgoing(allowed, here, trusts), receiver.address, Answer(None, "tls")),
            (Outgoing(allowed, here), "oa.test", Answer(None, "tls")),
        ):
            async with outgoing.line(f"https://{host}:{receiver.port}/") as line:
                assert await line.post(b"{}", {}) == wanted, host


def later(given: str) -> Answering:
    return lambda _: (503, {"retry-after": given})


async def test_what_an_away_receiver_asks_for_is_read_in_seconds() -> None:
    async with receiving() as receiver, Outgoing(Allowed.parse([receiver.host])).line(receiver.url) as line:
        for given, least, most in (("120", 120, 120), (format_datetime(datetime(2100, 1, 1, tzinfo=UTC)), 1e9, 1e10)):
            receiver.answer = later(given)
            assert least <= ((await line.post(b"{}", {})).retry_after or 0) <= most
        for nonsense in ("soon", "-5", "Wed, 99 Foo 2100", format_datetime(clock.now())):
            receiver.answer = later(nonsense)
            assert not (await line.post(b"{}", {})).retry_after


@pytest.mark.parametrize(
    ("hosts", "verdict", "told"),
    [
        ((), Verdict.OK, "nothing is called"),
        (("oa.example.gov.cn", "10.20.0.0/16"), Verdict.OK, "2 hosts and networks"),
        (("oa", "1.2.3"), Verdict.FAIL, "1.2.3 is no host"),
    ],
)
def test_the_doctor_says_who_may_be_called(tmp_path: Path, hosts: tuple[str, ...], verdict: Verdict, told: str) -> None:
    finding = check_outgoing(settings_for("postgresql://x@127.0.0.1:1/x", tmp_path, webhook_hosts=hosts))
    assert (finding.verdict, told in finding.detail) == (verdict, True)


def test_a_service_with_a_host_that_means_nothing_is_not_built(tmp_path: Path) -> None:
    settings = settings_for("postgresql://x@127.0.0.1:1/x", tmp_path, webhook_hosts=("oa", "1.2.3"))
    with pytest.raises(WrongHostError, match=r"1\.2\.3"):
        create_app(settings)
