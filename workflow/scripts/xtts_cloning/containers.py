"""What a sound file's container says of its own length, and whether the file keeps it.

Decoders read what is there of a cut file and say nothing, and some stop where a wrong header tells them to. `fault`
knows the containers by their first bytes. Sources: RIFF and RF64 (EBU Tech 3306), AIFF (Apple 1989), CAF (Apple Core
Audio Format), Sony Wave64, Sun AU, Ogg (RFC 3533), ISO 14496-12 (MP4), EBML (RFC 8794), ID3v2.4 (id3.org).
"""

from collections.abc import Iterator
from typing import NamedTuple

# A length that no cut clip has announced (2 GiB less 16 MiB, and more): what a program writes that cannot know it,
# because it writes into a pipe. 0x7ffff000 sox and espeak-ng, 0x80000000 arecord, 0xffffffff ffmpeg, 0x7f000000 AIFF.
UNKNOWN = 0x7F000000
LEFTOVER = 4096  # bytes after the sound that are no chunk and pass for rubbish: less than 0.1 s at 16 bit, 22,050 Hz
EBML = b"\x1a\x45\xdf\xa3"
MOVIE_STARTS = {b"ftyp", b"moov", b"mdat", b"wide"}
MOVIE_BOXES = {b"moov", b"moof", b"mdat"}  # those that hold the sound and say where it lies
FLAC_STARTS = b"fLaC\0\0\0\x22"


class Layout(NamedTuple):
    """How a container of chunks is laid out."""

    first: int  # offset of the first chunk
    id_bytes: int
    size_bytes: int
    order: str  # of the bytes of a size
    align: int  # chunks begin at multiples of it
    header_counted: int  # bytes of the chunk's header that its size counts
    sound: bytes  # id of the chunk that holds the samples


_WAV = Layout(12, 4, 4, "little", 2, 0, b"data")
_AIFF = Layout(12, 4, 4, "big", 2, 0, b"SSND")
_WAVE64_GUID_END = b"\xf3\xac\xd3\x11\x8c\xd1\x00\xc0\x4f\x8e\xdb\x8a"
LAYOUTS = {
    (b"RIFF", b"WAVE"): _WAV,
    (b"RF64", b"WAVE"): _WAV,
    (b"BW64", b"WAVE"): _WAV,
    (b"RIFX", b"WAVE"): _WAV._replace(order="big"),
    (b"FORM", b"AIFF"): _AIFF,
    (b"FORM", b"AIFC"): _AIFF,
}
CAF = Layout(8, 4, 8, "big", 1, 0, b"data")
WAVE64 = Layout(40, 16, 8, "little", 8, 24, b"data" + _WAVE64_GUID_END)


class Chunk(NamedTuple):
    id: bytes
    body: int  # offset of its first byte after the header
    size: int  # bytes of the body, as the header says


def is_one(data: bytes) -> bool:
    """Whether the first bytes are those of a container; MP3 and ADTS have none."""
    return bool(_layout(data)) or data[:4] in {b".snd", b"OggS", b"fLaC", EBML} or data[4:8] in MOVIE_STARTS


def without_id3(data: bytes) -> bytes:
    """The file without the ID3v2 tags before it; they may stand before MP3, AAC and FLAC."""
    place = 0
    while data[place : place + 3] == b"ID3":
        place += id3_bytes(data[place : place + 10])
    return data[place:] if place else data


def id3_bytes(header: bytes) -> int:
    """Length of the ID3v2 tag with this header of ten bytes."""
    size = 0
    for byte in header[6:]:  # 7 bits each
        size = size << 7 | byte & 0x7F
    return 10 + size + (10 if header[5:6] and header[5] & 0x10 else 0)  # a footer is as long as the header


def fault(data: bytes) -> str | None:
    """Why the file cannot be read whole, or None; None too for a container that is not known here."""
    if layout := _layout(data):
        return _chunks_fault(data, layout)
    if data[:4] == b".snd":
        start, size = (int.from_bytes(data[at : at + 4], "big") for at in (4, 8))
        return _sound_fault(data, start, len(data) - start if size >= UNKNOWN else size)
    if data[:4] == b"OggS":
        return _ogg_fault(data)
    if data[:4] == EBML:
        return _ebml_fault(data)
    if data[4:8] in MOVIE_STARTS:
        return _movie_fault(data)
    return _adts_fault(data)


def closed(data: bytes) -> bytes:
    """The same file, the length of its sound written in where the program that made it could not know it."""
    layout = _layout(data)
    if layout not in LAYOUTS.values() or not (chunk := _sound_chunk(data, layout)):
        return data
    if not _length_unknown(data, layout, chunk) or data[:4] in {b"RF64", b"BW64"}:
        return data
    size = (len(data) - chunk.body).to_bytes(4, layout.order)
    return data[: chunk.body - 4] + size + data[chunk.body :]


def joined(data: bytes) -> bool:
    """Whether it is an Ogg or FLAC file with another one behind it."""
    if data[:4] == b"fLaC":
        return data.find(FLAC_STARTS, 4) != -1
    begins = [page.begins for page in _ogg_pages(data)] if data[:4] == b"OggS" else []
    return True in begins[begins.index(False) :] if False in begins else False


def _truncated(missing: int) -> str:
    return f"truncated, the file ends {missing} bytes before the audio that its header announces"


def _layout(data: bytes) -> Layout | None:
    if data[:4] == b"caff":
        return CAF
    if data[:4] == b"riff" and data[24:28] == b"wave":
        return WAVE64
    return LAYOUTS.get((data[:4], data[8:12]))


def _chunks(data: bytes, layout: Layout, place: int) -> Iterator[Chunk]:
    """The chunks from `place` on; ends before bytes that are none. The last may be longer than the file."""
    header = layout.id_bytes + layout.size_bytes
    while place + header <= len(data):
        name = data[place : place + layout.id_bytes]
        if not all(0x20 <= byte < 0x7F for byte in name[:4]):
            return
        size = int.from_bytes(data[place + layout.id_bytes : place + header], layout.order) - layout.header_counted
        if size < 0:
            return
        yield Chunk(name, place + header, size)
        place = _next(layout, place + header + size)


def _next(layout: Layout, end: int) -> int:
    """Where the chunk after one that ends at `end` begins."""
    return end + -end % layout.align


def _sound_chunk(data: bytes, layout: Layout) -> Chunk | None:
    return next((chunk for chunk in _chunks(data, layout, layout.first) if chunk.id == layout.sound), None)


def _length_unknown(data: bytes, layout: Layout, chunk: Chunk) -> bool:
    """Whether the header of the sound was written by a program that could not know its length."""
    if chunk.size >= UNKNOWN:
        return True
    # Python's wave module, for example, leaves 0 behind; a recording that holds nothing may have other chunks after it.
    return chunk.size == 0 and _leftover(data, layout, chunk.body) > 0


def _leftover(data: bytes, layout: Layout, place: int) -> int:
    """Bytes, zeros at the end aside, that are no chunks of the same file; `place` is where such may begin."""
    for chunk in _chunks(data, layout, place):
        if chunk.id == layout.sound or chunk.id[:4] == data[:4]:  # another file begins
            break
        place = _next(layout, chunk.body + chunk.size)
    return len(data[place:].rstrip(b"\0"))


def _chunks_fault(data: bytes, layout: Layout) -> str | None:
    chunk = _sound_chunk(data, layout)
    if chunk is None:
        return None  # a decoder says what is wrong
    size = chunk.size
    if size == 0xFFFFFFFF and data[:4] in {b"RF64", b"BW64"} and data[12:16] == b"ds64":
        size = int.from_bytes(data[28:36], "little")
        if size == 0 or size >= 1 << 63:
            size = len(data) - chunk.body
    elif _length_unknown(data, layout, chunk):
        size = len(data) - chunk.body
    if chunk.body + size > len(data):
        return _truncated(chunk.body + size - len(data))
    end = chunk.body + size
    return _longer(_leftover(data, layout, _next(layout, end)))


def _sound_fault(data: bytes, start: int, size: int) -> str | None:
    if start + size > len(data):
        return _truncated(start + size - len(data))
    return _longer(len(data[start + size :].rstrip(b"\0")))


def _longer(leftover: int) -> str | None:
    if leftover <= LEFTOVER:
        return None
    return (
        f"goes on for {leftover} bytes after the audio that its header announces: the header is stale, or files were "
        "joined; write it anew with an audio program"
    )


class _Page(NamedTuple):
    serial: bytes
    begins: bool
    ends: bool
    stop: int  # offset of the byte after the page


def _ogg_pages(data: bytes) -> Iterator[_Page]:
    place = data.find(b"OggS")
    while place != -1:
        flags, count = data[place + 5 : place + 6], data[place + 26 : place + 27]
        segments = data[place + 27 : place + 27 + (count[0] if count else 0)]
        whole = bool(count) and len(segments) == count[0]
        stop = place + 27 + len(segments) + sum(segments) if whole else len(data) + 1
        bits = flags[0] if flags else 0
        yield _Page(data[place + 14 : place + 18], bool(bits & 2), bool(bits & 4), stop)
        place = data.find(b"OggS", stop)


def _ogg_fault(data: bytes) -> str | None:
    open_streams = set()
    for page in _ogg_pages(data):
        if page.stop > len(data):
            return "truncated, the file ends inside an Ogg page"
        if page.begins:
            open_streams.add(page.serial)
        if page.ends:
            open_streams.discard(page.serial)
    return "truncated, the file ends before the last page of its Ogg stream" if open_streams else None


def _movie_fault(data: bytes) -> str | None:
    place, indexes = 0, 0
    while place + 8 <= len(data):
        size, kind = int.from_bytes(data[place : place + 4], "big"), data[place + 4 : place + 8]
        if size == 1:
            size = int.from_bytes(data[place + 8 : place + 16], "big")
        elif size == 0:  # up to the end of the file
            size = len(data) - place
        if size < 8:
            break
        if kind in MOVIE_BOXES and place + size > len(data):
            return _truncated(place + size - len(data))
        indexes += kind == b"moov"
        place += size
    if indexes == 0:
        return "truncated, or its recording was never finished: there is no index (moov) of the audio in it"
    return "holds more than one index (moov): files were joined; keep one" if indexes > 1 else None


def _ebml_fault(data: bytes) -> str | None:
    place = 0
    while place < len(data):
        id_bytes = 9 - data[place].bit_length()
        size_at = place + id_bytes
        if data[place] == 0 or id_bytes > 4:
            return None  # no element; a decoder says what is wrong
        if size_at >= len(data):
            return "truncated, the file ends inside an element"
        size_bytes = 9 - data[size_at].bit_length()
        body = size_at + size_bytes
        if data[size_at] == 0:
            return None
        if body > len(data):
            return "truncated, the file ends inside an element"
        ones = (1 << 7 * size_bytes) - 1
        size = int.from_bytes(data[size_at:body], "big") & ones
        if size == ones:  # unknown, as written while recording: look inside
            place = body
        elif body + size > len(data):
            return _truncated(body + size - len(data))
        else:
            place = body + size
    return None


def _adts_fault(data: bytes) -> str | None:
    """AAC without a container (ISO 13818-7, ADTS): frames, each with its length, one behind the other."""
    place = 0
    while place + 7 <= len(data) and data[place] == 0xFF and data[place + 1] & 0xF6 == 0xF0:
        size = int.from_bytes(data[place + 3 : place + 6], "big") >> 5 & 0x1FFF
        if size < 7:
            return None  # a decoder says what is wrong
        place += size
    inside = place > len(data) or (place and data[place : place + 1] == b"\xff")
    return "truncated, the file ends inside an AAC frame" if inside else None
