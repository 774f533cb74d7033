"""A strict reader of zip archives: every byte of the file belongs to exactly one member or to the directory.

Readers of zip disagree about archives that hide a second one, name a member twice or leave gaps; here such a file
is refused.  Layout: PKWARE's APPNOTE 6.3, sections 4.3 and 4.5.3.
"""
import struct
import zlib
from dataclasses import dataclass

from rvc.voicefile.cursor import Cursor
from rvc.voicefile.refusal import Refusal, demand, shown

LOCAL, CENTRAL, DESCRIPTOR = b"PK\x03\x04", b"PK\x01\x02", b"PK\x07\x08"
END, END64, LOCATOR64 = b"PK\x05\x06", b"PK\x06\x06", b"PK\x06\x07"
STORED, DEFLATED = 0, 8
ENCRYPTED, HAS_DESCRIPTOR = 1, 8  # bits of the flags
MOST_MEMBERS = 20_000
LONGEST_NAME = 1000  # bytes
LARGEST_RATIO = 64  # of unpacked to packed size of a member; the pickle packs well
ALLOWANCE = 32 << 20  # bytes that all members together may have beyond twice the file, as weights hardly pack
DAMAGED = "has a damaged zip directory"


@dataclass(frozen=True)
class Member:
    """One file in the archive.  offset: of its local header; packed, size: bytes in the archive and unpacked."""

    name: str
    flags: int
    method: int
    crc: int
    packed: int
    size: int
    offset: int


class ZipArchive:
    """The members of a zip file by name, checked against the file as a whole."""

    def __init__(self, cursor: Cursor):
        self._cursor = cursor
        start, length, count, tail = _directory_place(cursor)
        demand(start + length == tail and count <= MOST_MEMBERS and count * 46 <= length, DAMAGED)
        cursor.move(start)
        members = [_member(cursor) for _ in range(count)]
        demand(cursor.position == tail, DAMAGED)
        total = sum(member.size for member in members)
        demand(total <= 2 * cursor.size + ALLOWANCE, f"unpacks to {total} bytes out of {cursor.size}")
        self.members: dict[str, Member] = {}
        for member in members:
            if member.name in self.members:
                raise Refusal(f"names the record {shown(member.name)} twice")
            self.members[member.name] = member
        self._data_at = _tile(cursor, members, start)

    def read(self, name: str) -> bytearray:
        """The unpacked bytes of a member, checked against their checksum."""
        member = self.members[name]
        self._cursor.move(self._data_at[name])
        data = self._cursor.take(member.packed)
        if member.method == DEFLATED:
            data = _inflate(bytes(data), member)
        demand(zlib.crc32(data) == member.crc, f"is damaged: the record {shown(name)} has another checksum")
        return data


def _directory_place(cursor: Cursor) -> tuple[int, int, int, int]:
    """(start, length, members, where it must end) of the central directory."""
    demand(cursor.size >= 22, f"is cut off at byte {cursor.size}")
    cursor.move(cursor.size - 22)
    end = bytes(cursor.take(22))
    if end[:4] != END:
        cursor.move(max(0, cursor.size - 65558))
        found = cursor.peek(65558).rfind(END) >= 0
        raise Refusal("has more bytes after its end" if found else f"is cut off at byte {cursor.size}")
    disk, first, here, count, length, start, comment = struct.unpack("<4H2IH", end[4:])
    demand((disk, first, comment) == (0, 0, 0) and here == count, DAMAGED)
    tail = cursor.size - 22
    cursor.move(max(0, tail - 20))
    if tail < 76 or cursor.peek(4) != LOCATOR64:
        return start, length, count, tail
    wide = _directory_place64(cursor, tail)
    narrow = (start, length, count)
    demand(all(n in (w, mark) for n, w, mark in zip(narrow, wide, (2**32 - 1, 2**32 - 1, 2**16 - 1))), DAMAGED)
    return wide


def _directory_place64(cursor: Cursor, tail: int) -> tuple[int, int, int, int]:
    _, disk, place, disks = cursor.unpack("4sIQI")
    demand((disk, disks, place) == (0, 1, tail - 76), DAMAGED)
    cursor.move(place)
    mark, rest, *_, disk, first, here, count, length, start = cursor.unpack("4sQ2H2I4Q")
    demand((mark, rest, disk, first) == (END64, 44, 0, 0) and here == count, DAMAGED)
    return start, length, count, place


def _member(cursor: Cursor) -> Member:
    mark, _, _, flags, method, _, crc, packed, size, name, extra, comment, disk, _, _, offset = cursor.unpack(
        "4s4HI3I5H2I")
    demand(mark == CENTRAL and disk == 0, DAMAGED)
    demand(name <= LONGEST_NAME, DAMAGED)
    name = _text(cursor.take(name))
    packed, size, offset = _widened(bytes(cursor.take(extra)), packed, size, offset)
    cursor.take(comment)
    demand(not flags & ENCRYPTED, "is an encrypted zip archive")
    demand(method in (STORED, DEFLATED), f"packs the record {shown(name)} in a way that is not supported")
    demand(method == DEFLATED or packed == size, DAMAGED)
    demand(size <= LARGEST_RATIO * packed, f"unpacks the record {shown(name)} to {size} bytes out of {packed}")
    return Member(name, flags, method, crc, packed, size, offset)


def _widened(extra: bytes, packed: int, size: int, offset: int) -> tuple[int, int, int]:
    """The 64-bit sizes that stand in an extra field when 32 bits are too few."""
    wide = b""
    while len(extra) >= 4:
        kind, length = struct.unpack("<2H", extra[:4])
        wide = extra[4:4 + length] if kind == 1 else wide
        extra = extra[4 + length:]
    numbers = list(struct.unpack(f"<{len(wide) // 8}Q", wide[:len(wide) // 8 * 8]))
    values = {"size": size, "packed": packed, "offset": offset}  # in the order of the extra field
    for field, value in values.items():
        if value == 2**32 - 1:
            demand(numbers, DAMAGED)
            values[field] = numbers.pop(0)
    return values["packed"], values["size"], values["offset"]


def _text(raw: bytearray) -> str:
    try:
        return raw.decode("utf-8")
    except UnicodeDecodeError:
        return raw.decode("cp437")


def _tile(cursor: Cursor, members: list[Member], directory: int) -> dict[str, int]:
    """Where each member's data begin.  Members must follow each other without gap or overlap up to the directory."""
    ordered = sorted(members, key=lambda member: member.offset)
    places, expected = {}, 0
    for member, after in zip(ordered, [*(m.offset for m in ordered[1:]), directory]):
        demand(member.offset == expected, "holds a second archive, or bytes that belong to no record")
        places[member.name] = _data_place(cursor, member)
        end = places[member.name] + member.packed
        demand(end <= directory, f"is damaged: the record {shown(member.name)} is shorter than it says")
        expected = end + _descriptor(cursor, member, end, after)
    demand(expected == directory, "holds a second archive, or bytes that belong to no record")
    return places


def _data_place(cursor: Cursor, member: Member) -> int:
    cursor.move(member.offset)
    mark, _, flags, method, *_, name, extra = cursor.unpack("4s3HI3I2H")
    agree = (mark, method, flags & ENCRYPTED) == (LOCAL, member.method, 0) and _text(cursor.take(name)) == member.name
    demand(agree, f"describes the record {shown(member.name)} in two ways")
    return cursor.position + extra


def _descriptor(cursor: Cursor, member: Member, end: int, after: int) -> int:
    """Bytes of the data descriptor that may follow the data: its mark, the checksum and two sizes."""
    if not member.flags & HAS_DESCRIPTOR or after - end not in (16, 24):
        return 0
    cursor.move(end)
    told = cursor.unpack("4sIII" if after - end == 16 else "4sIQQ")
    demand(told == (DESCRIPTOR, member.crc, member.packed, member.size),
           f"describes the record {shown(member.name)} in two ways")
    return after - end


def _inflate(data: bytes, member: Member) -> bytearray:
    unpacker = zlib.decompressobj(-zlib.MAX_WBITS)
    try:
        unpacked = unpacker.decompress(data, member.size + 1)
    except zlib.error:
        unpacked = b""
    honest = len(unpacked) == member.size and unpacker.eof and not unpacker.unused_data
    demand(honest, f"is damaged: the record {shown(member.name)} does not unpack to the size that it says")
    return bytearray(unpacked)
