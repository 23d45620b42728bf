"""Which of the texts in an answer its caller must not meet."""

import re

import httpx2

from tests.matrix.ground import Caller
from tests.matrix.items import CONTACT, OPEN, SEAL, canary
from tests.matrix.oracle import KINDS, RELATIONS, reads_contact, reads_sealed, sees_item

CANARY = re.compile("金丝雀....[封明密]")


def leaks(caller: Caller, answer: httpx2.Response) -> set[str]:
    """The canaries in an answer that this caller must not meet."""
    return set(CANARY.findall(answer.text)) - readable(caller) if "金丝雀" in answer.text else set()


def readable(caller: Caller) -> set[str]:
    who = caller.who
    tests = {SEAL: reads_sealed, OPEN: sees_item, CONTACT: reads_contact}
    return {
        canary(number, kind)
        for number, column in enumerate((*RELATIONS, *KINDS), start=1)
        for kind, test in tests.items()
        if not who.foreign_password and test(who, column)
    }
