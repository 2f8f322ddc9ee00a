"""Compression of resource bodies with a trained dictionary. https://www.rfc-editor.org/rfc/rfc8878

A dictionary holds what FHIR resources have in common, so that a body of 1.4 kB takes 150 bytes.
Dictionaries are numbered and kept for ever: a body is expanded with the one it was compressed with.
Number 0 means compressed without a dictionary.
"""

from collections.abc import Mapping, Sequence

import zstandard

LEVEL = 3


class Bodies:
    """Compresses with the newest dictionary, expands with any of them. Not shared between threads."""

    def __init__(self, dictionaries: Mapping[int, bytes]) -> None:
        self._expanders = {0: zstandard.ZstdDecompressor()}
        data = None
        for number, content in dictionaries.items():
            data = zstandard.ZstdCompressionDict(content, dict_type=zstandard.DICT_TYPE_FULLDICT)
            self._expanders[number] = zstandard.ZstdDecompressor(dict_data=data)
        self.newest = max(dictionaries, default=0)
        if self.newest:
            data = zstandard.ZstdCompressionDict(
                dictionaries[self.newest], dict_type=zstandard.DICT_TYPE_FULLDICT
            )
            data.precompute_compress(level=LEVEL)
        self._compressor = zstandard.ZstdCompressor(
            level=LEVEL, dict_data=data, write_dict_id=False, write_checksum=False
        )

    def knows(self, dictionary: int) -> bool:
        """Whether bodies compressed with this dictionary can be expanded."""
        return dictionary in self._expanders

    def compress(self, body: bytes) -> bytes:
        """`body` compressed with the dictionary numbered `newest`."""
        return self._compressor.compress(body)

    def expand(self, dictionary: int, body: bytes) -> bytes:
        """The bytes that were compressed. Raises KeyError for a dictionary loaded by nobody."""
        return self._expanders[dictionary].decompress(body)


def train(samples: Sequence[bytes], size: int = 65536) -> bytes:
    """A dictionary of at most `size` bytes from sample bodies; a few thousand are needed."""
    return zstandard.train_dictionary(size, list(samples), level=LEVEL).as_bytes()
