"""A program's memory, made here."""


class Bytes:
    """A memory of one block."""

    base = 4096

    def __init__(self, data):
        self.data = data

    def read(self, address, size):
        return bytes(self.data[address - self.base : address - self.base + size])

    def find(self, pattern, align=4):
        place = bytes(self.data).find(pattern)
        return () if place < 0 else (self.base + place,)

    def program_sha256(self):
        return "ab" * 32
