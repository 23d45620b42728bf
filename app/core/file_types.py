"""Which files may serve as evidence, and whether a file is what its name and its sender say it is.

Only kinds a reader opens by itself are allowed. Archives are not, since a packed file can be neither checked nor cited;
nor is anything a browser or a desktop would execute.
"""

from __future__ import annotations

import re
import struct
import zipfile
from codecs import BOM_UTF16_BE, BOM_UTF16_LE, getincrementaldecoder
from dataclasses import dataclass
from pathlib import Path, PurePath
from typing import BinaryIO

import puremagic

from app.core.errors import Problem, Text

HEAD = 64 * 1024
MAX_ENTRIES = 10_000
MAX_DIRECTORY = 4 * 1024 * 1024
MAX_EXPANDED = 1024 * 1024 * 1024
ALWAYS_FINE = 32 * 1024 * 1024
MAX_RATIO = 100
_UNTOLD = frozenset({"", "application/octet-stream", "binary/octet-stream"})
_MARKUP_OR_SCRIPT = re.compile(rb"\s*(?:<[!?a-z]|#!)", re.IGNORECASE)
_NOT_TEXT = re.compile(r"[\x00-\x08\x0e-\x1a\x1c-\x1f\x7f]")
_END = struct.Struct("<4s4H2LH")
_LOCATOR = 20
# The signature library knows one brand in three of what telephones and meeting recorders write.
_BRANDS = {
    ".heic": "heic heix heim heis hevc hevx mif1 msf1",
    ".mp4": "isom iso2 iso3 iso4 iso5 iso6 mp41 mp42 avc1 M4V M4VP MSNV dash 3gp4 3gp5 3gp6",
    ".m4a": "M4A M4B",
    ".mov": "qt",
}
_KIND_OF_BRAND = {brand.ljust(4).encode(): kind for kind, brands in _BRANDS.items() for brand in brands.split()}
_OOXML = "application/vnd.openxmlformats-officedocument."


@dataclass(frozen=True, slots=True)
class FileType:
    """One allowed kind: how it is served, what senders call it, and which proof shows that it is genuine.

    `magic` is what the signature library may answer, `part` the entry a package must hold, `stream` the name inside a
    compound document. None of them: plain text.
    """

    media_type: str
    aliases: frozenset[str] = frozenset()
    magic: frozenset[str] = frozenset()
    part: str | None = None
    stream: str | None = None


def _signed(media_type: str, magic: str, aliases: str = "") -> FileType:
    return FileType(media_type, frozenset(aliases.split()), magic=frozenset(magic.split()))


def _package(media_type: str, part: str, aliases: str = "") -> FileType:
    return FileType(media_type, frozenset({"application/zip", *aliases.split()}), part=part)


def _compound(media_type: str, stream: str, aliases: str = "") -> FileType:
    return FileType(media_type, frozenset(aliases.split()), stream=stream)


_JPEG = _signed("image/jpeg", ".jpg .jpeg", "image/jpg image/pjpeg")
_WPS = "application/vnd.ms-works application/wps-office.wps application/kswps"
_ET = "application/wps-office.et application/kset"
_DPS = "application/wps-office.dps application/ksdps"

ALLOWED: dict[str, FileType] = {
    ".pdf": _signed("application/pdf", ".pdf"),
    ".jpg": _JPEG,
    ".jpeg": _JPEG,
    ".png": _signed("image/png", ".png"),
    ".gif": _signed("image/gif", ".gif"),
    ".webp": _signed("image/webp", ".webp"),
    ".bmp": _signed("image/bmp", ".bmp", "image/x-ms-bmp"),
    ".tif": _signed("image/tiff", ".tif .tiff"),
    ".tiff": _signed("image/tiff", ".tif .tiff"),
    ".heic": _signed("image/heic", ".heic", "image/heif"),
    ".mp4": _signed("video/mp4", ".mp4"),
    ".mov": _signed("video/quicktime", ".mov"),
    ".mp3": _signed("audio/mpeg", ".mp3 .mpga", "audio/mp3"),
    ".m4a": _signed("audio/mp4", ".m4a .mp4", "audio/x-m4a audio/m4a"),
    ".wav": _signed("audio/wav", ".wav", "audio/x-wav audio/wave audio/vnd.wave"),
    ".docx": _package(_OOXML + "wordprocessingml.document", "word/document.xml"),
    ".xlsx": _package(_OOXML + "spreadsheetml.sheet", "xl/workbook.xml"),
    ".pptx": _package(_OOXML + "presentationml.presentation", "ppt/presentation.xml"),
    ".ofd": _package("application/ofd", "OFD.xml", "application/x-ofd"),
    ".doc": _compound("application/msword", "WordDocument"),
    ".xls": _compound("application/vnd.ms-excel", "Workbook"),
    ".ppt": _compound("application/vnd.ms-powerpoint", "PowerPoint Document"),
    ".wps": _compound("application/vnd.ms-works", "WordDocument", f"{_WPS} application/msword"),
    ".et": _compound("application/kset", "Workbook", f"{_ET} application/vnd.ms-excel"),
    ".dps": _compound("application/ksdps", "PowerPoint Document", f"{_DPS} application/vnd.ms-powerpoint"),
    ".txt": FileType("text/plain"),
    ".csv": FileType("text/csv", frozenset({"text/plain", "application/csv", "application/vnd.ms-excel"})),
}

_REASONS = {
    "not_allowed": Text("不接受该类型的文件", "Files of this type are not accepted"),
    "mismatch": Text("文件内容与文件名或声明的类型不符", "Content, file name and declared type disagree"),
    "damaged": Text("文件已损坏或不完整", "The file is damaged or incomplete"),
    "encrypted": Text("文件已加密，无法核对", "The file is encrypted and cannot be examined"),
    "macros": Text("文件含有宏", "The file carries macros"),
    "expands_too_much": Text("文件解压后过大", "The file expands to far more than its size"),
}


def file_type(file_name: str, declared: str | None) -> FileType:
    """The allowed kind a name stands for, before a byte is read; 415 `unsupported_file_type` for every other."""
    found = ALLOWED.get(PurePath(file_name).suffix.lower())
    if found is None:
        raise _refused("not_allowed")
    told = (declared or "").split(";")[0].strip().lower()
    if told not in _UNTOLD and told != found.media_type and told not in found.aliases:
        raise _refused("mismatch")
    return found


def confirm(path: Path, expected: FileType) -> None:
    """Reads what is needed of a finished, non-empty file to prove its kind; 415 when it is something else. Blocking."""
    with path.open("rb") as file:
        head = file.read(HEAD)
        if expected.part is not None:
            _confirm_package(file, path.stat().st_size, expected.part)
        elif expected.stream is not None:
            _confirm_compound(file, head, expected.stream)
        elif expected.magic:
            if not _signatures(head) & expected.magic:
                raise _refused("mismatch")
        elif not _is_text(head):
            raise _refused("mismatch")


def _signatures(head: bytes) -> frozenset[str]:
    if head[4:8] == b"ftyp":
        return frozenset({_KIND_OF_BRAND.get(head[8:12], "")})
    if _is_mpeg_audio(head[:4]):
        return frozenset({".mp3"})
    try:
        return frozenset(match.extension for match in puremagic.magic_string(head))
    except (puremagic.PureError, ValueError):
        return frozenset()


def _is_mpeg_audio(head: bytes) -> bool:
    """A frame of MPEG layer III without a tag before it: the sync bits, and no reserved version, rate or bit rate."""
    if len(head) < 4 or head[0] != 0xFF or head[1] & 0xE6 != 0xE2:  # noqa: PLR2004 - the header's four bytes, its bits
        return False
    return head[1] & 0x18 != 0x08 and head[2] & 0xF0 != 0xF0 and head[2] & 0x0C != 0x0C  # noqa: PLR2004 - as above


def _is_text(head: bytes) -> bool:
    """UTF-8, GB 18030 (Chinese Excel) or marked UTF-16, without control characters, markup or a script."""
    if _MARKUP_OR_SCRIPT.match(head.removeprefix(b"\xef\xbb\xbf")):
        return False
    encodings = ("utf-16",) if head.startswith((BOM_UTF16_LE, BOM_UTF16_BE)) else ("utf-8", "gb18030")
    for encoding in encodings:
        try:
            text = getincrementaldecoder(encoding)().decode(head)
        except UnicodeDecodeError:
            continue
        return _NOT_TEXT.search(text) is None
    return False


def _confirm_compound(file: BinaryIO, head: bytes, stream: str) -> None:
    if ".doc" not in _signatures(head):
        raise _refused("mismatch")
    wanted = stream.encode("utf-16-le")
    keep = len(wanted) - 1
    window = head
    while wanted not in window:
        more = file.read(1024 * 1024)
        if not more:
            raise _refused("mismatch")
        window = window[-keep:] + more


def _confirm_package(file: BinaryIO, size: int, part: str) -> None:
    _check_directory_size(file, size)
    try:
        with zipfile.ZipFile(file) as package:
            entries = package.infolist()
    except (zipfile.BadZipFile, OSError, ValueError, NotImplementedError, struct.error) as error:
        raise _refused("damaged") from error
    names = {entry.filename for entry in entries}
    if part not in names:
        raise _refused("mismatch")
    if any(entry.flag_bits & 1 for entry in entries):
        raise _refused("encrypted")
    if any(name.lower().endswith("vbaproject.bin") for name in names):
        raise _refused("macros")
    packed = sum(entry.compress_size for entry in entries)
    expanded = sum(entry.file_size for entry in entries)
    # Entries that add up to more than the file share their bytes, which only a bomb does.
    if packed > size or expanded > MAX_EXPANDED or (expanded > ALWAYS_FINE and expanded > MAX_RATIO * packed):
        raise _refused("expands_too_much")


def _check_directory_size(file: BinaryIO, size: int) -> None:
    """Judges the count of entries before the directory is read: a million of them would fill the memory on the way."""
    file.seek(max(0, size - 65_536 - _END.size - _LOCATOR))
    tail = file.read()
    at = tail.rfind(b"PK\x05\x06")
    if at < 0 or at + _END.size > len(tail):
        raise _refused("damaged")
    _, _, _, _, entries, directory, _, _ = _END.unpack_from(tail, at)
    zip64 = tail[max(0, at - _LOCATOR) : at].startswith(b"PK\x06\x07")
    if zip64 or entries > MAX_ENTRIES or directory > MAX_DIRECTORY:
        raise _refused("expands_too_much")


def _refused(reason: str) -> Problem:
    return Problem("unsupported_file_type", _REASONS[reason], reason=reason, allowed=sorted(ALLOWED))
