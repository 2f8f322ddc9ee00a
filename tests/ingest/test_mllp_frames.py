"""Framing, wherever the network cuts the stream. HL7 2.5.1 appendix C"""

from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from hie.ingest.hl7v2.mllp import HEAD, Frame, Frames, wrap

# No 0x0B or 0x1C: control characters do not occur in messages.
BODIES = st.lists(st.binary(max_size=40).map(lambda b: b.translate(None, b"\x0b\x1c")), max_size=5)
LIMIT = 1000


def _fed(stream: bytes, cuts: list[int], limit: int = LIMIT) -> tuple[list[Frame], Frames]:
    frames = Frames(limit)
    found: list[Frame] = []
    places = [0, *sorted({cut % (len(stream) + 1) for cut in cuts}), len(stream)]
    for begin, end in pairwise(places):
        found += frames.feed(stream[begin:end])
    return found, frames


@given(BODIES, st.lists(st.integers(0, 300), max_size=8), st.sampled_from([b"", b"\r\n", b"junk"]))
def test_frames_do_not_depend_on_the_cuts(
    bodies: list[bytes], cuts: list[int], between: bytes
) -> None:
    stream = between.join(wrap(body) for body in bodies)
    found, frames = _fed(stream, cuts)
    assert found == [Frame(body) for body in bodies]
    assert not frames.inside
    gaps = max(len(bodies) - 1, 0)
    assert frames.skipped == (4 * gaps if between == b"junk" else 0)


def test_every_single_cut() -> None:
    stream = wrap(b"MSH|first") + wrap(b"MSH|second")
    for cut in range(len(stream) + 1):
        assert _fed(stream, [cut])[0] == [Frame(b"MSH|first"), Frame(b"MSH|second")]


def test_a_byte_at_a_time() -> None:
    stream = wrap(b"MSH|first") + b"\r\n" + wrap(b"MSH|second")
    found, _ = _fed(stream, list(range(len(stream))))
    assert found == [Frame(b"MSH|first"), Frame(b"MSH|second")]


@given(st.binary(max_size=400), st.lists(st.integers(0, 400), max_size=8))
def test_any_stream_gives_the_same_frames_whole_and_cut(stream: bytes, cuts: list[int]) -> None:
    whole, state = _fed(stream, [])
    cut, cut_state = _fed(stream, cuts)
    assert whole == cut
    assert state.inside == cut_state.inside
    assert state.skipped == cut_state.skipped


def test_a_start_inside_a_frame_begins_again() -> None:
    assert _fed(b"\x0bMSH|half" + wrap(b"MSH|whole"), [])[0] == [Frame(b"MSH|whole")]


def test_an_end_without_carriage_return_is_not_an_end() -> None:
    assert _fed(b"\x0bone\x1ctwo\x1c\r", [])[0] == [Frame(b"one\x1ctwo")]


@given(st.integers(LIMIT + 1, 5 * LIMIT), st.lists(st.integers(0, 5 * LIMIT), max_size=20))
def test_memory_is_bounded_by_the_limit(size: int, cuts: list[int]) -> None:
    body = b"MSH|" + b"x" * (size - 4)
    stream = wrap(body) + wrap(b"MSH|next")
    frames = Frames(LIMIT)
    found = []
    places = [0, *sorted({cut % len(stream) for cut in cuts}), len(stream)]
    for begin, end in pairwise(places):
        found += frames.feed(stream[begin:end])
        assert len(frames._pending) <= LIMIT + 2
    assert found == [Frame(body[:HEAD], too_long=True), Frame(b"MSH|next")]
