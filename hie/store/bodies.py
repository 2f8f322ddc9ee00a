"""Compression of resource bodies with a trained dictionary. https://www.rfc-editor.org/rfc/rfc8878

A dictionary holds what an installation's resources have in common, so that a body of 3.6 kB takes
160 bytes. Dictionaries are numbered and kept for ever: a body is expanded with the one it was
compressed with. Number 0 means compressed without a dictionary.
"""

from collections.abc import Callable, Mapping, Sequence

import zstandard

LEVEL = 5
"""As small as level 6 for two thirds of its time; higher levels gain next to nothing."""
SEGMENT = 2000
"""Bytes of the pieces that a dictionary is made of. Resources do best with the longest that zstd tries
when it is not told, and trying takes it five times as long."""

Fetch = Callable[[int], bytes]


def _no_others(number: int) -> bytes:
    raise LookupError(f"no dictionary numbered {number}")


class Bodies:
    """Compresses with the newest dictionary, expands with any of them. Not shared between threads.

    `fetch` gives the content of a dictionary that was added after this object was made, and raises
    LookupError if there is none; from then on it is the one to compress with.
    """

    def __init__(self, dictionaries: Mapping[int, bytes], fetch: Fetch = _no_others) -> None:
        self._fetch = fetch
        self._expanders = {0: zstandard.ZstdDecompressor()}
        self.newest = 0
        self.content: bytes | None = None
        """The dictionary numbered `newest`."""
        self._compressor = _compressor(None)
        for number in sorted(dictionaries, reverse=True):
            self._add(number, dictionaries[number])

    def _add(self, number: int, content: bytes) -> None:
        self._expanders[number] = _expander(content)
        if number > self.newest:
            self._compressor = _compressor(content)
            self.newest, self.content = number, content

    def know(self, number: int) -> None:
        """Fetch the dictionary unless it is known. Raises LookupError if nobody made it."""
        if number not in self._expanders:
            self._add(number, self._fetch(number))

    def compress(self, body: bytes) -> bytes:
        """`body` compressed with the dictionary numbered `newest`."""
        return self._compressor.compress(body)

    def expand(self, dictionary: int, body: bytes) -> bytes:
        """The bytes that were compressed. Raises LookupError for a dictionary that nobody made."""
        self.know(dictionary)
        return self._expanders[dictionary].decompress(body)


def _dictionary(content: bytes) -> zstandard.ZstdCompressionDict:
    return zstandard.ZstdCompressionDict(content, dict_type=zstandard.DICT_TYPE_FULLDICT)


def _expander(content: bytes) -> zstandard.ZstdDecompressor:
    return zstandard.ZstdDecompressor(dict_data=_dictionary(content))


def _compressor(content: bytes | None) -> zstandard.ZstdCompressor:
    data = None
    if content is not None:
        data = _dictionary(content)
        data.precompute_compress(level=LEVEL)
    return zstandard.ZstdCompressor(
        level=LEVEL, dict_data=data, write_dict_id=False, write_checksum=False
    )


def train(samples: Sequence[bytes], size: int = 65536) -> bytes:
    """A dictionary of at most `size` bytes from sample bodies; a few thousand are needed.

    Raises zstandard.ZstdError if the samples are too few or too much alike to learn from.
    """
    trained = zstandard.train_dictionary(size, list(samples), k=SEGMENT, d=8, level=LEVEL)
    return trained.as_bytes()


def mean_size(bodies: Sequence[bytes], dictionary: bytes | None) -> float:
    """How many bytes a body takes with the dictionary, or without one."""
    compressor = _compressor(dictionary)
    return sum(len(compressor.compress(body)) for body in bodies) / len(bodies)
