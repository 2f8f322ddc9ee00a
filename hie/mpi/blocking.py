"""Block keys: two registrations that share one are worth comparing.

The keys overlap on purpose: a pair is lost only when every one of them is spoilt. A key that too many
registrations share says nothing and is skipped when reading (`candidates`).
"""

from collections.abc import Callable, Iterator

from hie.mpi.features import Features


def texts(features: Features) -> Iterator[str]:
    """The block keys in words, each led by a letter for its kind."""
    for number in (*features.numbers, *features.foreign, *features.damaged):
        yield f"i|{number}"
    for number in (*features.numbers, *features.damaged):
        yield f"h|{number[:14]}|{number[-4:-2]}"
        yield f"e|{number[6:]}"
    for passport in features.passports:
        yield f"p|{passport}"
    for card in features.cards:
        yield f"c|{card}"
    for other in features.others:
        yield f"o|{other}"
    for phone in features.phones:
        yield f"t|{phone}"
        for born in features.births:
            yield f"b|{phone}|{born}"
    yield from _name_texts(features)
    for born in features.births:
        for home in features.homes:
            if home.door:
                yield f"r|{born}|{home.door}"


def _name_texts(features: Features) -> Iterator[str]:
    for name in features.names:
        if name.kind == "newborn":
            for born in features.births:
                yield f"m|{name.letters}|{born}"
            continue
        for born in features.births:
            yield f"n|{name.text}|{born}"
            yield f"y|{name.letters}|{born[:4]}"
            if name.kind == "han" and len(name.text) > 2:
                yield f"f|{name.text[:2]}|{born}"
            if len(born) == 10:
                yield f"d|{name.letters}|{born[5:]}"
                if name.family or name.kind == "latin":
                    yield f"g|{name.given or name.text}|{born}"
                    for part in name.text.split() if name.kind == "latin" else [name.sounds[0]]:
                        yield f"s|{part.split(' ')[0]}|{features.sex}|{born}"
        for home in features.homes:
            if home.door:
                yield f"a|{name.letters}|{home.door}"


def keys(features: Features, hasher: Callable[[str], int]) -> list[int]:
    """The block keys of `features` as 64-bit numbers, sorted and unique."""
    return sorted({hasher(f"mpi {text}") for text in texts(features)})
