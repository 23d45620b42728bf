"""Secrets and signatures of Standard Webhooks 1.0: pure.

A secret is stored nowhere. It follows from a key of the service, the endpoint and how often its secret was changed.
"""

from __future__ import annotations

import hmac
from base64 import b64encode
from collections.abc import Sequence
from datetime import datetime
from hashlib import sha256
from typing import Final
from uuid import UUID

PREFIX: Final = "whsec_"
_DOMAIN: Final = b"rl/webhook/v1\x00"


def secret_of(key: bytes, endpoint_id: UUID, generation: int) -> bytes:
    """32 bytes that tell nothing of any other endpoint, generation, or of the key."""
    return hmac.digest(key, _DOMAIN + endpoint_id.bytes + generation.to_bytes(4, "big"), sha256)


def shown(secret: bytes) -> str:
    """As receivers are given it."""
    return PREFIX + b64encode(secret).decode()


def headers(secrets: Sequence[bytes], message_id: str, at: datetime, body: bytes) -> dict[str, str]:
    """`at` is the time of this attempt; one signature for each secret in force."""
    stamp = str(int(at.timestamp()))
    signed = f"{message_id}.{stamp}.".encode() + body
    signatures = (b64encode(hmac.digest(secret, signed, sha256)).decode() for secret in secrets)
    return {
        "webhook-id": message_id,
        "webhook-timestamp": stamp,
        "webhook-signature": " ".join(f"v1,{signature}" for signature in signatures),
    }
