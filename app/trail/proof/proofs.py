"""C2SP tlog-proof: one file that shows, without network, that an entry is in a log."""

from __future__ import annotations

from dataclasses import dataclass

from app.trail.proof.checkpoints import parse_checkpoint
from app.trail.proof.notes import parse_note
from app.trail.proof.strict import Malformed, format_bytes, parse_bytes, parse_hash, parse_number

PROOF_HEADER = "c2sp.org/tlog-proof@v1"


@dataclass(frozen=True, slots=True)
class InclusionProof:
    """`checkpoint` is the note as it was signed; `extra` is signed by nobody and must not be believed."""

    index: int
    path: tuple[bytes, ...]
    checkpoint: bytes
    extra: bytes | None = None


def format_proof(proof: InclusionProof) -> bytes:
    lines = [PROOF_HEADER]
    if proof.extra is not None:
        lines.append(f"extra {format_bytes(proof.extra)}")
    lines += [f"index {proof.index}", *map(format_bytes, proof.path), "", ""]
    data = "\n".join(lines).encode() + proof.checkpoint
    if parse_proof(data) != proof:
        raise Malformed("not a proof")
    return data


def parse_proof(data: bytes) -> InclusionProof:
    """Checks the form of all of it, the checkpoint's too, and the truth of nothing."""
    head, _, checkpoint = data.partition(b"\n\n")
    try:
        header, *lines = head.decode("ascii").split("\n")
    except UnicodeDecodeError as error:
        raise Malformed("proof is not ASCII") from error
    if header != PROOF_HEADER:
        raise Malformed("not a proof")
    extra = parse_bytes(lines.pop(0).removeprefix("extra ")) if lines and lines[0].startswith("extra ") else None
    if not lines or not lines[0].startswith("index "):
        raise Malformed("proof has no index")
    index = parse_number(lines.pop(0).removeprefix("index "))
    parse_checkpoint(parse_note(checkpoint).text)
    return InclusionProof(index, tuple(map(parse_hash, lines)), checkpoint, extra)
