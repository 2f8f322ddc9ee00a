"""Block keys: two registrations that share one are worth comparing.

The keys overlap on purpose: a pair is lost only when every one of them is spoilt. A key that too many
registrations share says nothing and is skipped when reading (`candidates`).
"""

from collections.abc import Callable, Collection, Iterator
from dataclasses import replace

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


def without(features: Features, crowded: Collection[int], hasher: Callable[[str], int]) -> Features:
    """`features` less the numbers and phones that too many share: whoever bears them, they fill a field.

    `crowded` are block keys that `candidates` found to hold more than its cap, so what counts as a
    placeholder is as current as the index. The telephone of a village office is one by this rule.
    """

    def kept(letter: str, values: tuple[str, ...]) -> tuple[str, ...]:
        return tuple(value for value in values if key(f"{letter}|{value}", hasher) not in crowded)

    return replace(
        features,
        numbers=kept("i", features.numbers),
        damaged=kept("i", features.damaged),
        foreign=kept("i", features.foreign),
        passports=kept("p", features.passports),
        cards=kept("c", features.cards),
        others=kept("o", features.others),
        phones=kept("t", features.phones),
    )


def key(text: str, hasher: Callable[[str], int]) -> int:
    """A block key as a 64-bit number."""
    return hasher(f"mpi {text}")


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
