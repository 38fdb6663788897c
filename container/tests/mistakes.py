"""Requests with a mistake in them, each with the status that it must get. Seeded, so repeatable.

Some are right by chance, and then they must get 200.
"""

import random

import numpy as np
from bodies import instances, npy, npy_that_claims, picture, read_json
from raw_http import post

from serving.invocations import INLINE_BYTES

Mistake = tuple[bytes, int]
RARE = 50  # one in so many has a large body, and one is a few at once


class Mistakes:
    def __init__(self, shape: tuple[int, int, int], seed: int) -> None:
        self._shape, self._chance = shape, random.Random(seed)
        values = np.random.default_rng(0).integers(0, 256, (2, *shape), np.uint8)
        self._json, self._npy = instances(values), npy(values)
        self._large = instances(np.repeat(values, INLINE_BYTES // len(self._json) + 1, axis=0))
        self._npy_not_finite = [npy(np.full((1, *shape), bad)) for bad in (np.nan, np.inf, 1e39)]
        self._png, self._jpeg = (picture(form, shape[1::-1]) for form in ("PNG", "JPEG"))
        self._wrong_pictures = [picture("GIF"), picture("PNG", (9, 9)), picture("PNG", (900, 900))]

    def __call__(self) -> list[Mistake]:
        """What to send at once."""
        kinds = [self._rows, self._array, self._picture, self._head]
        if not self._chance.randrange(RARE):
            return [self._chance.choice(kinds)() for _ in range(3)]
        if not self._chance.randrange(RARE):
            return [self._large_rows()]
        return [self._chance.choice([*kinds, self._not_http])()]

    def _rows(self) -> Mistake:
        """Damage by chance."""
        body = bytearray(self._json)
        for _ in range(self._chance.randint(1, 3)):
            at = self._chance.randrange(len(body))
            new = self._chance.choice(b'[]{},"-.e0 1\n\xff')
            body[at : at + self._chance.randint(0, 2)] = bytes([new])
        status = 400 if read_json(bytes(body), self._shape) is None else 200
        request = post(bytes(body))
        if self._chance.randrange(4):
            return request, status
        at = self._chance.randrange(1, len(body) - 1)
        parts = (bytes(body[:at]), bytes(body[at:]), b"")
        chunks = b"".join(b"%x\r\n%b\r\n" % (len(part), part) for part in parts)
        length = b"Content-Length: %d" % len(body)
        head = request[: -len(body)].replace(length, b"Transfer-Encoding: chunked")
        return head + chunks, status

    def _large_rows(self) -> Mistake:
        at = self._chance.randrange(len(self._large))
        return post(self._large[:at] + self._chance.choice((b"[", b"]")) + self._large[at:]), 400

    def _array(self) -> Mistake:
        header, data = self._npy[:128], self._npy[128:]
        dtype = self._chance.choice((b"|b1", b"|S1", b"|O1", b"<f4", b"<M8", b"zzz"))
        noise = self._chance.randbytes(20)
        number = self._chance.randrange(10**6)
        shape = self._chance.choice(
            (
                f"{number:#x}" * 9,
                f"{number}" * 30,
                "True",
                "None",
                "2.0",
                f"-{number}",
                "'2'",
                "2if 1else 3",
            )
        )
        rest = str(self._shape)[1:]
        claim = f"{{'descr': '|u1', 'fortran_order': False, 'shape': ({shape}, {rest}}}"
        body = self._chance.choice(
            (
                self._npy[: self._chance.randrange(len(self._npy))],
                self._npy + noise,
                header.replace(b"|u1", dtype) + data,
                header.replace(b"(2,", b"(%d," % self._chance.randint(3, 10**12)) + data,
                header.replace(b"(2,", b"(%d," % -self._chance.randint(1, 9)) + data,
                header.replace(b"3)", b"4)") + data,
                noise + header[20:] + data,
                npy_that_claims(claim, data=data),
                npy_that_claims(claim.replace("|u1", "f4," * number)[:5000], data=data),
                *self._npy_not_finite,
            )
        )
        return post(body, "application/x-npy"), 400

    def _picture(self) -> Mistake:
        flipped = bytearray(self._png)
        flipped[self._chance.randrange(33)] ^= 1 << self._chance.randrange(8)  # its header
        body = self._chance.choice(
            (
                bytes(flipped),
                self._png[: self._chance.randrange(len(self._png) // 2)],
                self._jpeg[: self._chance.randrange(len(self._jpeg) // 2)],
                self._chance.randbytes(100),
                *self._wrong_pictures,
            )
        )
        return post(body, self._chance.choice(("image/png", "image/jpeg"))), 400

    def _head(self) -> Mistake:
        good, word = post(self._json), "".join(self._chance.choices("abc-+.", k=9)).encode()
        method = self._chance.choice((b"GET", b"PUT", b"DELETE", b"OPTIONS"))
        return self._chance.choice(
            (
                (good.replace(b"application/json", word), 415),
                (good.replace(b"Host: test", b"Accept: " + word), 406),
                (good.replace(b"/invocations", b"/" + word), 404),
                (good.replace(b"POST", method), 405),
            )
        )

    def _not_http(self) -> Mistake:
        """The server closes the connection."""
        head = post(self._json).split(b"\r\n")[0]
        line = self._chance.choice(
            (
                b"\x00" + self._chance.randbytes(20).replace(b"\n", b""),
                head.replace(b"POST", b"SEND"),
                head.replace(b"1.1", b"%d.1" % self._chance.randint(3, 9)),
                head + b"\r\nbad header: \x01",
                head + b"\r\nContent-Length: -%d" % self._chance.randint(1, 999),
            )
        )
        return line + b"\r\n\r\n", 400
