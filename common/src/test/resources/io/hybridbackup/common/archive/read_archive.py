"""Reads archives as docs/archive-format.md describes them; it shares nothing with the product.

read_archive.py list ARCHIVE         every entry and missing path, a line of JSON each
read_archive.py cat ARCHIVE PATH     one file's content, by lookup and range
read_archive.py check ARCHIVE        everything that the document promises of members, indexes and tar blocks
"""

import base64
import hashlib
import json
import os
import struct
import sys
import zlib

FOOTER_BYTES = 51
MEMBER_HEADER = bytes.fromhex("1f8b08000000000000ff")
MEMBER_MOST = 16 << 20
PAGE_MOST = 1 << 20
RECORD_BYTES = 8
OWN_MEMBERS_FROM = 65_536
BLOCK = 512
KINDS = {
    "file": b"0",
    "hardlink": b"1",
    "symlink": b"2",
    "character_device": b"3",
    "block_device": b"4",
    "folder": b"5",
    "fifo": b"6",
}


class Damaged(Exception):
    pass


def require(condition, *what):
    if not condition:
        raise Damaged(" ".join(str(one) for one in what))


def crc64nvme_table():
    table = []
    for byte in range(256):
        for _ in range(8):
            byte = byte >> 1 ^ (0x9A6C9329AC4BC9B5 if byte & 1 else 0)
        table.append(byte)
    return table


CRC64NVME = crc64nvme_table()


def crc64nvme(octets):
    crc = 0xFFFFFFFFFFFFFFFF
    for octet in octets:
        crc = CRC64NVME[(crc ^ octet) & 0xFF] ^ crc >> 8
    return crc ^ 0xFFFFFFFFFFFFFFFF


def inflate_member(octets):
    """What one member holds, and how many bytes the member has."""
    require(octets.startswith(MEMBER_HEADER), "not the header of a member")
    deflate = zlib.decompressobj(-zlib.MAX_WBITS)
    plain = deflate.decompress(octets[len(MEMBER_HEADER) :])
    require(deflate.eof, "a member is cut off")
    require(len(plain) <= MEMBER_MOST, "a member of", len(plain))
    crc, length = struct.unpack("<II", deflate.unused_data[:8])
    require(crc == zlib.crc32(plain) and length == len(plain), "a member's checksum is wrong")
    return plain, len(octets) - len(deflate.unused_data) + 8


def inflate_all(octets):
    while octets:
        plain, length = inflate_member(octets)
        yield plain
        octets = octets[length:]


def lookup_hash(path):
    return hashlib.sha256(path).digest()[:5]


def octets_of(fields, name):
    if name + "_base64" in fields:
        return base64.b64decode(fields[name + "_base64"], validate=True)
    return fields[name].encode() if name in fields else None


def attributes_of(fields):
    def name_of(name):
        if name.startswith("base64:"):
            return base64.b64decode(name[len("base64:") :], validate=True)
        return name.encode()

    return {
        name_of(name): base64.b64decode(value, validate=True)
        for name, value in fields.get("xattrs", {}).items()
    }


def lines_of(plain):
    require(plain.endswith(b"\n"), "a line does not end")
    return [json.loads(line) for line in plain.split(b"\n")[:-1]]


class Part:
    def __init__(self, archive, root):
        self.archive = archive
        self.component = root["component"]
        self.content = root["content"]
        self.index = root["index"]
        self.sha256 = root["sha256"]
        self.lookup = root.get("lookup")
        self.members = {}
        self.entries = []
        self.missing = []
        self.index_sha256 = None

    def end(self):
        """Where index and lookup end."""
        pages = self.lookup["pages"] if self.lookup else []
        return self.index["offset"] + self.index["length"] + sum(page["length"] for page in pages)

    def read_index(self):
        hash = hashlib.sha256()
        plain = bytearray()
        for octets in inflate_all(self.archive.read(self.index["offset"], self.index["length"])):
            hash.update(octets)
            plain += octets
        self.index_sha256 = hash.hexdigest()
        lines = lines_of(plain)
        require(lines[0] == {"index": {"version": 1, "component": self.component}}, lines[0])
        for line in lines[1:-1]:
            for kind, value in line.items():
                if kind == "member":
                    self.members[len(self.members)] = value
                else:
                    {"entry": self.entries, "missing": self.missing}[kind].append(value)
        end = {"members": len(self.members), "entries": len(self.entries)}
        require(lines[-1] == {"end": end}, lines[-1], "after", end)

    def index_members(self):
        """Number, place, and the number of the first member that it tells of, of each index member."""
        offset, first = self.index["offset"], 0
        for number, told in enumerate(self.lookup["index"]):
            yield number, offset, told["length"], first, first + told["members"]
            offset += told["length"]
            first += told["members"]
        require(offset == self.index["offset"] + self.index["length"], "the lookup covers", offset)

    def index_lines(self, number):
        _, offset, length, first, end = list(self.index_members())[number]
        plain, used = inflate_member(self.archive.read(offset, length))
        require(used == length, "index member", number, "has", used, "bytes")
        lines = lines_of(plain)
        members = [line["member"] for line in lines if "member" in line]
        require(len(members) == end - first, "index member", number, "tells of", len(members))
        self.members.update(enumerate(members, first))
        return lines

    def page(self, number):
        """The records of a page, each a hash and the number of an index member."""
        pages = self.lookup["pages"]
        offset = self.index["offset"] + self.index["length"]
        offset += sum(page["length"] for page in pages[:number])
        plain, used = inflate_member(self.archive.read(offset, pages[number]["length"]))
        require(used == pages[number]["length"] <= PAGE_MOST, "page", number, "has", used, "bytes")
        require(0 < len(plain) <= PAGE_MOST and len(plain) % RECORD_BYTES == 0, "page", number)
        records = [plain[start : start + RECORD_BYTES] for start in range(0, len(plain), RECORD_BYTES)]
        require(records == sorted(records), "the order of page", number)
        require(records[0][:5].hex() == pages[number]["first"], "the first hash of page", number)
        if number + 1 < len(pages):
            require(records[-1][:5].hex() < pages[number + 1]["first"], "the last hash of page", number)
        return [(record[:5], int.from_bytes(record[5:], "big")) for record in records]

    def find(self, path):
        """The entry of a path, by the lookup if there is one."""
        if not self.lookup:
            if self.index_sha256 is None:
                self.read_index()
            return next((entry for entry in self.entries if octets_of(entry, "path") == path), None)
        hash = lookup_hash(path)
        firsts = [bytes.fromhex(page["first"]) for page in self.lookup["pages"]]
        number = sum(first <= hash for first in firsts) - 1
        for at in [told for one, told in self.page(number) if one == hash] if number >= 0 else []:
            for line in self.index_lines(at):
                if octets_of(line.get("entry", {}), "path") == path:
                    self.read_members_before(line["entry"], at)
                    return line["entry"]
        return None

    def read_members_before(self, entry, at):
        first = entry["content"]["member"] if entry.get("size") else None
        for number, _, _, _, end in list(self.index_members())[:at]:
            if first is not None and first < end:
                self.index_lines(number)

    def member(self, number):
        member = self.members[number]
        octets = self.archive.read(self.content["offset"] + member["offset"], member["length"])
        plain, length = inflate_member(octets)
        require(length == member["length"], "member", number, "has", length, "bytes")
        require(len(plain) == member["plain"], "member", number, "holds", len(plain))
        require(hashlib.sha256(plain).hexdigest() == member["sha256"], "member", number, "differs")
        return octets, plain

    def file(self, entry):
        """The content of a file, read by range, piece by piece."""
        hash = hashlib.sha256()
        left = entry.get("size", 0)
        number, offset = (entry["content"][field] for field in ("member", "offset")) if left else (0, 0)
        while left:
            piece = self.member(number)[1][offset : offset + left]
            hash.update(piece)
            yield piece
            left -= len(piece)
            number, offset = number + 1, 0
        require(hash.hexdigest() == entry["sha256"], "the content differs from its hash")


class Archive:
    def __init__(self, path):
        self.stream = open(path, "rb")
        self.length = os.fstat(self.stream.fileno()).st_size
        self.bytes_read = 0
        footer, _ = inflate_member(self.read(self.length - FOOTER_BYTES, FOOTER_BYTES))
        magic, version, distance, length = struct.unpack(">8sIQQ", footer)
        require(magic == b"HYBRIDBK" and version == 1, "footer", footer)
        self.root_offset = self.length - FOOTER_BYTES - distance
        self.root = json.loads(b"".join(inflate_all(self.read(self.root_offset, length))))
        require(self.root["version"] == 1, "root index", self.root)
        self.root_length = length
        self.parts = [Part(self, part) for part in self.root["parts"]]

    def read(self, offset, length):
        self.stream.seek(offset)
        octets = self.stream.read(length)
        require(len(octets) == length, "the archive ends before", offset + length)
        self.bytes_read += length
        return octets

    def find(self, path):
        for part in self.parts:
            entry = part.find(path)
            if entry:
                return part, entry
        raise KeyError(os.fsdecode(path) + " is not in the archive")


def listed(part, entry):
    """An entry as this reader has understood it; octets are written in hex."""
    target = octets_of(entry, "target")
    device = entry.get("device")
    told = {
        "component": part.component,
        "path": octets_of(entry, "path").hex(),
        "type": entry["type"],
        "size": entry.get("size", 0),
        "sha256": entry.get("sha256"),
        "mode": oct(entry.get("mode", 0)),
        "owners": [entry.get("uid", 0), entry.get("gid", 0), entry.get("user", ""), entry.get("group", "")],
        "mtime": [entry.get("mtime", 0), entry.get("mtime_nanos", 0)],
        "target": None if target is None else target.hex(),
        "device": [device.get("major", 0), device.get("minor", 0)] if device else None,
        "xattrs": {name.hex(): value.hex() for name, value in attributes_of(entry).items()},
        "acl": [entry.get("acl_access"), entry.get("acl_default")],
        "vanished": entry.get("vanished", False),
    }
    return {field: value for field, value in told.items() if value is not None}


def list_archive(archive):
    for part in archive.parts:
        part.read_index()
        for entry in part.entries:
            print(json.dumps(listed(part, entry)))
        for missing in part.missing:
            print(json.dumps({"component": part.component, "missing": octets_of(missing, "path").hex()}))


def cat(archive, path):
    part, entry = archive.find(os.fsencode(path))
    if entry["type"] == "hardlink":
        part, entry = archive.find(octets_of(entry, "target"))
    for piece in part.file(entry):
        sys.stdout.buffer.write(piece)
    sys.stdout.buffer.flush()
    print("bytes read:", archive.bytes_read, file=sys.stderr)


def number(field):
    if field[0] & 0x80:
        octets = bytes([field[0] & 0x7F]) + field[1:] if field[0] == 0x80 else field
        return int.from_bytes(octets, "big", signed=field[0] == 0xFF)
    return int(field.strip(b"\0 ") or b"0", 8)


def text(field):
    return field.split(b"\0", 1)[0]


def pax_records(content):
    records = {}
    while content:
        length, _ = content.split(b" ", 1)
        record = content[len(length) + 1 : int(length)]
        require(record.endswith(b"\n"), "a pax record does not end in a line feed")
        name, value = record[:-1].split(b"=", 1)
        records[name] = value
        content = content[int(length) :]
    return records


def whole_blocks(length):
    return -(-length // BLOCK) * BLOCK


def tar_header(stream):
    """What the blocks of one entry's header say, the names both ways, and how many bytes they have."""
    start, records, long_names, before = 0, {}, {}, []
    while True:
        block = stream[start : start + BLOCK]
        checksum = sum(block[:148]) + 8 * 32 + sum(block[156:])
        require(number(block[148:156]) == checksum, "a tar block's checksum is wrong")
        kind, size = block[156:157], number(block[124:136])
        start += BLOCK
        if kind not in b"xKL":
            break
        before.append(kind)
        content = stream[start : start + size]
        if kind == b"x":
            records = pax_records(content)
        else:
            long_names[kind] = text(content)
        start += whole_blocks(size)
    require(before == sorted(before, key=b"xKL".index), "the order of", before)
    return block, records, long_names, start


def mtime_nanos(value):
    whole, _, fraction = value.partition(b".")
    nanos = int(fraction.ljust(9, b"0") or b"0")
    return int(whole) * 1_000_000_000 + (-nanos if whole.startswith(b"-") else nanos)


def check_tar(entry, stream):
    block, records, long_names, length = tar_header(stream)
    path, target = octets_of(entry, "path"), octets_of(entry, "target") or b""
    folder = entry["type"] == "folder"
    names = {b"L": (path + b"/" if folder else path, text(block[:100]), b"path")}
    names[b"K"] = (target, text(block[157:257]), b"linkpath")
    for kind, (name, ustar, record) in names.items():
        require(long_names.get(kind, ustar) == name, "name of", name)
        require((kind in long_names) == (len(name) > 100), "long name of", name)
        require(records.get(record, name) == name, "record of", name)
    require(block[156:157] == KINDS[entry["type"]], "kind of", path)
    require(int(records.get(b"size", number(block[124:136]))) == entry.get("size", 0), "size of", path)
    require(number(block[100:108]) == entry.get("mode", 0), "mode of", path)
    require(number(block[136:148]) == entry.get("mtime", 0), "whole seconds of", path)
    ids = number(block[108:116]), number(block[116:124])
    require(ids == (entry.get("uid", 0), entry.get("gid", 0)), "owners of", path)
    require(number(block[124:136]) == entry.get("size", 0), "size of", path)
    for record, field, place in (b"uid", "uid", 108), (b"gid", "gid", 116):
        require(int(records.get(record, number(block[place : place + 8]))) == entry.get(field, 0), field)
    for record, field, place in (b"uname", "user", 265), (b"gname", "group", 297):
        require(records.get(record, text(block[place : place + 32])) == entry.get(field, "").encode(), field)
    if b"mtime" in records:
        nanos = mtime_nanos(records[b"mtime"])
    else:
        nanos = number(block[136:148]) * 1_000_000_000
    require(nanos == entry.get("mtime", 0) * 1_000_000_000 + entry.get("mtime_nanos", 0), "time of", path)
    if "device" in entry:
        device = number(block[329:337]), number(block[337:345])
        require(device == (entry["device"].get("major", 0), entry["device"].get("minor", 0)), "device", path)
    attributes = {
        name[len(b"SCHILY.xattr.") :].replace(b"%3D", b"=").replace(b"%25", b"%"): value
        for name, value in records.items()
        if name.startswith(b"SCHILY.xattr.")
    }
    require(attributes == attributes_of(entry), "attributes of", path)
    for kind in "access", "default":
        acl = records.get(b"SCHILY.acl." + kind.encode())
        require(acl == (entry["acl_" + kind].encode() if "acl_" + kind in entry else None), "ACL of", path)
    return length


def check_lookup(part):
    """The lookup leads to every entry, and nowhere else."""
    records = []
    for number, *_ in part.index_members():
        for line in part.index_lines(number):
            if "entry" in line:
                records.append((lookup_hash(octets_of(line["entry"], "path")), number))
    pages = [record for number in range(len(part.lookup["pages"])) for record in part.page(number)]
    require(pages == sorted(records), "the lookup does not lead to the entries")


def check_part(part):
    part.read_index()
    if part.lookup:
        check_lookup(part)
    position, stream, starts = 0, bytearray(), []
    for number, member in part.members.items():
        require(member["offset"] == position, "member", number, "is not next to the one before")
        octets, plain = part.member(number)
        require(member["crc64nvme"] == f"{crc64nvme(octets):016x}", "CRC64NVME of member", number)
        starts.append(len(stream))
        stream += plain
        position += member["length"]
    require(position == part.content["length"], "the members do not cover the content")

    def place(value):
        return starts[value["member"]] + value["offset"]

    position, earlier = 0, {}
    for entry in part.entries:
        path = octets_of(entry, "path")
        require(place(entry["header"]) == position, "something lies before", path)
        position += check_tar(entry, bytes(stream[position : position + (1 << 20)]))
        size = entry.get("size", 0)
        if size:
            require(place(entry["content"]) == position, "the content of", path)
            require(b"".join(part.file(entry)) == stream[position : position + size], path)
            if size >= OWN_MEMBERS_FROM:
                require(position in starts, "no member of its own:", path)
                require(position + whole_blocks(size) in [*starts, len(stream)], path, "shares a member")
        position += size
        require(not any(stream[position : whole_blocks(position)]), "padding of", path)
        position = whole_blocks(position)
        if entry["type"] == "hardlink":
            require(earlier.get(octets_of(entry, "target")) is not None, path, "comes before its target")
        earlier[path] = entry
    require(position == len(stream), "something lies behind the last entry")
    if part.component == "database":
        require(part.sha256 == part.entries[0]["sha256"], "the root's hash of the dump")
    else:
        require(part.sha256 == part.index_sha256, "the root's hash of the index")


def check(archive):
    """Every byte of the archive belongs to what the root index names, in the document's order, or is
    filler in front of a part's content."""
    root = archive.root
    pieces = [root["manifest"], *(part["content"] for part in root["parts"]), root["tar_end"]]
    for part in archive.parts:
        offset = part.index["offset"]
        pieces += [{"offset": offset, "length": part.end() - offset}]
    pieces += [{"offset": archive.root_offset, "length": archive.root_length}]
    contents = [part["content"] for part in root["parts"]]
    position = 0
    for piece in pieces:
        if piece in contents and piece["offset"] > position:
            filler = archive.read(position, piece["offset"] - position)
            require(b"".join(inflate_all(filler)) == b"", "something lies before", piece)
            position = piece["offset"]
        require(piece["offset"] == position, piece, "does not begin at", position)
        position += piece["length"]
    require(position == archive.length - FOOTER_BYTES, "the footer's place")
    tar_end = b"".join(inflate_all(archive.read(*root["tar_end"].values())))
    require(tar_end == bytes(2 * BLOCK), "tar's end")
    for part in archive.parts:
        check_part(part)
    print("checked", *(f"{part.component}: {len(part.entries)}" for part in archive.parts))


def main(command, path, *arguments):
    {"list": list_archive, "cat": cat, "check": check}[command](Archive(path), *arguments)


if __name__ == "__main__":
    main(*sys.argv[1:])
