"""The frames of an MP3, which has no container: what there is of them, and how many its first frame says there are.

MPEG-1, 2 and 2.5 layer III (ISO 11172-3, 13818-3). The first frame may be a Xing, Info or VBRI frame, which holds no
sound and counts those that follow.
"""

import re
from collections.abc import Iterator

from xtts_cloning import containers

BIT_RATES = {  # kbit/s by the four bits of the header; 0 is the free format, whose frames have no stated length
    "MPEG-1": (0, 32, 40, 48, 56, 64, 80, 96, 112, 128, 160, 192, 224, 256, 320),
    "MPEG-2": (0, 8, 16, 24, 32, 40, 48, 56, 64, 80, 96, 112, 128, 144, 160),
}
RATES = {3: (44100, 48000, 32000), 2: (22050, 24000, 16000), 0: (11025, 12000, 8000)}  # Hz, by the version's bits
SAME = 0xFFFE0C00  # bits of the header that all frames of a file share: sync, version, layer, rate
SEARCHED = 4096  # bytes in which the first frame is looked for
RUBBISH = 4096  # bytes after the last frame that are no tag and pass for rubbish
ZEROS = re.compile(rb"\0*")
COUNTED = re.compile(rb"(?:Xing|Info)\0\0\0[\x01\x03\x05\x07\x09\x0b\x0d\x0f](....)|VBRI.{10}(....)", re.DOTALL)


def is_mp3(data: bytes) -> bool:
    """Whether a frame is found near the start of a file without ID3 tag, with another behind it or nothing at all."""
    return _first(data) is not None


def only_frames(data: bytes) -> tuple[bytes, str | None]:
    """The frames alone, without tags and rubbish, and why they are not the whole file (None if they are)."""
    first = _first(data)
    frames, lost, place = [], 0, first
    for start in _starts(data, first):
        lost += _rubbish(data, place, start)
        place = start + frame_bytes(data[start : start + 4])
        frames.append(data[start:place])
    if place > len(data) or data[place:] in (b"\xff", frames[-1][:2], frames[-1][:3]):
        return b"", "truncated, the file ends inside an MP3 frame"
    counted = COUNTED.search(frames[0])
    stated = int.from_bytes(counted[1] or counted[2], "big") if counted else 0
    if len(frames) - 1 < stated:
        return b"", f"truncated, {len(frames) - 1} of the {stated} MP3 frames that its header announces are there"
    if lost or _rubbish(data, place, len(data)) > RUBBISH:
        return b"", "damaged, there are bytes between or after its MP3 frames that are none"
    return b"".join(frames), None


def frame_bytes(header: bytes) -> int:
    """Length of the frame with this header of four bytes; 0 if it is none."""
    bits = int.from_bytes(header, "big")
    version, layer, bit_rate, rate = bits >> 19 & 3, bits >> 17 & 3, bits >> 12 & 15, bits >> 10 & 3
    if len(header) < 4 or bits >> 21 != 0x7FF or version == 1 or layer != 1 or bit_rate in (0, 15) or rate == 3:
        return 0
    table, samples = (BIT_RATES["MPEG-1"], 1152) if version == 3 else (BIT_RATES["MPEG-2"], 576)
    return samples // 8 * 1000 * table[bit_rate] // RATES[version][rate] + (bits >> 9 & 1)


def _first(data: bytes) -> int | None:
    place = data.find(b"\xff", 0, SEARCHED)
    while place != -1:
        header = data[place : place + 4]
        if size := frame_bytes(header):
            behind = data[place + size : place + size + 4]
            if not behind or (frame_bytes(behind) and _same(header, behind)):
                return place
        place = data.find(b"\xff", place + 1, SEARCHED)
    return None


def _starts(data: bytes, first: int) -> Iterator[int]:
    """Offsets of the frames from the first on; the last may be longer than the file."""
    header, place = data[first : first + 4], first
    while place != -1:
        here = data[place : place + 4]
        if _same(header, here) and (size := frame_bytes(here)):
            yield place
            place += size
        else:
            place = data.find(b"\xff", max(place + 1, _after_tags(data, place)))


def _same(one: bytes, other: bytes) -> bool:
    return len(other) == 4 and (int.from_bytes(one, "big") ^ int.from_bytes(other, "big")) & SAME == 0


def _rubbish(data: bytes, place: int, stop: int) -> int:
    """Bytes of data[place:stop] that are neither tags nor zeros."""
    return max(0, stop - _after_tags(data, place)) if place < stop else 0


def _after_tags(data: bytes, place: int) -> int:
    """The place behind the ID3v1, ID3v2 and APE tags and zeros that begin at `place`."""
    while True:
        start = place
        place = ZEROS.match(data, place).end()
        if data[place : place + 3] == b"TAG":
            place += 128
        elif data[place : place + 8] == b"APETAGEX":
            place += 32 + int.from_bytes(data[place + 12 : place + 16], "little")
        elif data[place : place + 3] == b"ID3":
            place += containers.id3_bytes(data[place : place + 10])
        if place == start:
            return place
