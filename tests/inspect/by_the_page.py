#!/usr/bin/env python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""Reads save files with nothing but docs/internals/save-file.rst at hand.

    by_the_page.py BUILD RECORDING... RECORDING-WITHOUT-FOOTERS

Saves reference guests and converts recorded streams, and reads the files with a
reader of its own: every field, every frame, and the RAM records of every chunk,
beginning at the chunk as the page describes. It also writes each file again, and
migtune must accept what it has written. Only the frames of zstd are left to zstd.
If this program needs a fact that the page does not have, the page is wrong.
"""

import os
import shutil
import struct
import subprocess
import sys
import tempfile
import zlib

OURS, SEEKABLE, ZSTD = 0x184D2A5B, 0x184D2A5E, 0xFD2FB528
FILE, CHUNK, TABLE, LIBVIRT = 1, 2, 3, 4
EXTENT_PAGE = 4096

# Places in the structure of a stream.
BEGIN, CONFIGURATION, SECTIONS, RECORDS, FOOTER, DEVICES = 0, 1, 2, 4, 5, 6

GUESTS = """<guests>
  <guest name="mixed">
    <qemu release="7.2"/>
    <ram size="12MiB" content="mixed"/>
  </guest>
  <guest name="old">
    <qemu release="2.4"/>
    <ram size="5MiB" content="text"/>
  </guest>
</guests>
"""


def require(condition, text):
    if not condition:
        raise AssertionError(text)


class Body:
    """The fields of a structure, one after another."""

    def __init__(self, data):
        self.data, self.at = data, 0

    def take(self, size):
        require(self.at + size <= len(self.data), "the structure is too short")
        self.at += size
        return self.data[self.at - size:self.at]

    def number(self, size, signed=False):
        return int.from_bytes(self.take(size), "little", signed=signed)

    def end(self):
        require(self.at == len(self.data), "the structure is too long")


def decompress(data):
    return subprocess.run(["zstd", "-dcq"], input=data, check=True,
                          stdout=subprocess.PIPE).stdout


class Chunk:
    def __init__(self, body):
        self.body = body.data
        self.sequence = body.number(4)
        self.stored = body.number(4)
        self.offset = body.number(8)
        self.size = body.number(4)
        self.checksum = body.number(4)
        self.place = body.number(1)
        self.walk = body.number(1)
        self.page_bits = body.number(1)
        self.flags = body.number(1)
        self.block = body.number(2)
        extents = body.number(2)
        self.section = body.number(4)
        require(body.number(4) == 0, "the reserved field is not 0")
        self.package = body.number(8)
        self.extents = {}
        require(extents <= 64, "too many extents")
        for _ in range(extents):
            block, reserved = body.number(2), body.number(2)
            require(reserved == 0, "the reserved field is not 0")
            require(block not in self.extents, "two extents of one block")
            self.extents[block] = (body.number(4), body.number(8),
                                   body.number(8))
        body.end()


class SaveFile:
    """All frames of a file, checked while they are read."""

    def __init__(self, data):
        self.chunks, self.streams, self.frames = [], [], []
        self.libvirt_header = None
        at = 0
        while at < len(data):
            magic, length = struct.unpack_from("<II", data, at)
            start = at
            if magic == OURS:
                at = self.ours(data[at + 8:at + 8 + length], data, start,
                               at + 8 + length)
            elif magic == SEEKABLE:
                at += 8 + length
                self.seek_table(data[start + 8:at])
                require(at == len(data), "data after the seek table")
                return
            else:
                require(False, f"unexpected magic {magic:#x} at {at}")
        require(False, "no seek table")

    def ours(self, content, data, start, end):
        require(content[:4] == b"MTSV", "tag")
        kind, version, flags = content[4], content[5], content[6:8]
        require(version == 1 and flags == b"\0\0", "version or flags")
        require(zlib.crc32(content[:-4]) ==
                int.from_bytes(content[-4:], "little"), "CRC-32")
        body = Body(content[8:-4])
        first = not self.frames
        self.frames.append((end - start, 0, None))
        require(first == (kind == FILE), "the file header comes first")
        if kind == FILE:
            self.chunk_max, self.level = body.number(4), body.number(4, True)
            self.properties = body.take(body.number(4)).decode()
            body.end()
            require(1 << 20 <= self.chunk_max <= 16 << 20, "largest chunk")
            return end
        if kind == LIBVIRT:
            require(not self.chunks, "libvirt's header precedes the chunks")
            self.libvirt_header = body.data
            return end
        if kind == TABLE:
            self.table(body)
            return end
        require(kind == CHUNK, "kind")
        chunk = Chunk(body)
        chunk.start = start
        packed = data[end:end + chunk.stored]
        require(len(packed) == chunk.stored, "the frame is cut")
        require(int.from_bytes(packed[:4], "little") == ZSTD, "frame magic")
        require(packed[4] & 4, "the frame has no checksum")
        # zstd's own checksum is the low half of XXH64 as well.
        require(int.from_bytes(packed[-4:], "little") == chunk.checksum,
                "checksum")
        stream = decompress(packed)
        require(len(stream) == chunk.size <= self.chunk_max, "stream bytes")
        require(chunk.sequence == len(self.chunks), "sequence")
        require(chunk.offset == sum(map(len, self.streams)), "stream offset")
        require(not self.chunks or not self.chunks[-1].flags & 1,
                "a chunk after the last one")
        self.chunks.append(chunk)
        self.streams.append(stream)
        self.frames.append((chunk.stored, chunk.size, chunk.checksum))
        return end + chunk.stored

    def table(self, body):
        count, blocks = body.number(4), body.number(4)
        self.size = body.number(8)
        self.devices_at, self.devices_size = body.number(8), body.number(8)
        self.machine = body.take(body.number(2)).decode()
        self.blocks = []
        for _ in range(blocks):
            name = body.take(body.number(1)).decode()
            self.blocks.append((name, body.number(8)))
        require(count == len(self.chunks), "number of chunks")
        for chunk in self.chunks:
            require(body.number(8) == chunk.start, "offset of a chunk")
            require(body.take(len(chunk.body)) == chunk.body,
                    "the table differs from a chunk header")
        body.end()
        require(self.chunks[-1].flags & 1, "no last chunk")

    def seek_table(self, content):
        count, descriptor, magic = struct.unpack("<IBI", content[-9:])
        require(magic == 0x8F92EAB1 and descriptor == 0x80, "seek table")
        require(count == len(self.frames), "frames in the seek table")
        entries = struct.iter_unpack("<III", content[:-9])
        for entry, (stored, size, checksum) in zip(entries, self.frames):
            if checksum is None:
                checksum = 0x51D8E999
            require(entry == (stored, size, checksum), "seek table entry")


def frame(magic, content):
    return struct.pack("<II", magic, len(content)) + content


def ours(kind, body):
    content = b"MTSV" + bytes((kind, 1, 0, 0)) + body
    return frame(OURS, content + struct.pack("<I", zlib.crc32(content)))


# What a header or the table can say against the stream, with correct checksums:
# offset in the body of a chunk header, or in the table, the byte there, and the
# error of migtune.
HIDING_LIE = (57, 255, "no extent for a page")
HEADER_LIES = (
    HIDING_LIE,
    (24, 6, "another place"),
    (25, 1, "another place"),
    (26, 14, "another place"),
    (28, 7, "another place"),
    (32, 99, "another place"),
    (40, 9, "another place"),
    (52, 1, "another number of records"),
    (64, 1, "no extent for a page"),
)
TABLE_LIES = (
    (16, 1, "device state"),
    (24, 1, "device state"),
    (34, 64, "machine type"),
)


def lie(body, place, value):
    require(body[place] != value, "the lie is the truth")
    return body[:place] + bytes((value,)) + body[place + 1:]


def write(save, path, header_lie=None, table_lie=None):
    """Writes the chunks of @save again, compressed by zstd with level 5."""
    properties = b'{"creator": "somebody else"}'
    frames = [(ours(FILE, struct.pack("<IiI", save.chunk_max, 5,
                                      len(properties)) + properties), 0, None)]
    entries = []
    for chunk, stream in zip(save.chunks, save.streams):
        packed = subprocess.run(
            ["zstd", "-5cq", "--check", f"--stream-size={len(stream)}"],
            input=stream, check=True, stdout=subprocess.PIPE).stdout
        body = chunk.body[:4] + struct.pack("<I", len(packed)) + chunk.body[8:]
        if header_lie and chunk.sequence == 1:
            body = lie(body, *header_lie[:2])
        entries.append(struct.pack("<Q", sum(len(f[0]) for f in frames)) + body)
        frames.append((ours(CHUNK, body), 0, None))
        frames.append((packed, len(stream), chunk.checksum))
    machine = save.machine.encode()
    table = struct.pack("<IIQQQH", len(entries), len(save.blocks), save.size,
                        save.devices_at, save.devices_size, len(machine))
    table += machine
    for name, size in save.blocks:
        table += bytes((len(name),)) + name.encode() + struct.pack("<Q", size)
    table += b"".join(entries)
    if table_lie:
        table = lie(table, *table_lie[:2])
    frames.append((ours(TABLE, table), 0, None))
    seek = b"".join(
        struct.pack("<III", len(data), size,
                    0x51D8E999 if checksum is None else checksum)
        for data, size, checksum in frames)
    seek += struct.pack("<IBI", len(frames), 0x80, 0x8F92EAB1)
    with open(path, "wb") as file:
        for data, _, _ in frames:
            file.write(data)
        file.write(frame(SEEKABLE, seek))


class Walker:
    """Parses the RAM of one chunk, which it enters at the chunk's place."""

    def __init__(self, save, chunk, stream):
        self.save, self.chunk = save, chunk
        self.stream, self.at = stream, 0
        self.block = None if chunk.block == 65535 else chunk.block
        self.section = chunk.section
        self.footers_known, self.footers = chunk.walk & 1, chunk.walk & 2
        self.records = {}

    def number(self, size):
        value = int.from_bytes(self.stream[self.at:self.at + size], "big")
        require(self.at + size <= len(self.stream), "a record is cut")
        self.at += size
        return value

    def text(self):
        size = self.number(1)
        self.at += size
        return self.stream[self.at - size:self.at].decode()

    def steps(self):
        """Yields the place after each step, up to the device state."""
        place = self.chunk.place
        while self.at < len(self.stream) and place != DEVICES:
            place = {BEGIN: self.begin, CONFIGURATION: self.configuration,
                     SECTIONS: self.head, RECORDS: self.record,
                     FOOTER: self.footer}[place]()
            yield place

    def walk(self):
        require(self.chunk.package == 0, "no post-copy package is expected")
        for _ in self.steps():
            pass
        for block, (count, first, pages) in self.chunk.extents.items():
            seen = self.records.pop(block, [])
            require(len(seen) == count, "records of an extent")
            require(min(seen) == first, "first page of an extent")
            require(max(seen) - first + 1 == pages, "pages of an extent")
        require(not self.records or self.chunk.flags & 2,
                "pages of a block without an extent")

    def begin(self):
        require(self.number(4) == 0x5145564D and self.number(4) == 3, "magic")
        return CONFIGURATION

    def configuration(self):
        if self.stream[self.at] == 7:
            self.at += 1
            size = self.number(4)
            machine = self.stream[self.at:self.at + size].decode()
            require(machine == self.save.machine, "machine type")
            self.at += size
            # Subsections of the configuration.
            while self.stream[self.at] == 5:
                self.skip_configuration()
        return SECTIONS

    def skip_configuration(self):
        self.at += 1
        name = self.text()
        self.number(4)
        if name == "configuration/target-page-bits":
            self.number(4)
        elif name == "configuration/capabilities":
            for _ in range(self.number(4)):
                self.text()
        else:
            require(False, f"unknown {name}")

    def head(self):
        kind = self.stream[self.at]
        if kind == 8:                       # a command
            self.at += 1
            self.number(2)
            size = self.number(2)
            self.at += size
            return SECTIONS
        if kind not in (1, 2, 3):
            return DEVICES
        self.at += 1
        section = self.number(4)
        if kind == 1:
            if self.text() != "ram":
                return DEVICES
            self.section = section
            self.number(8)
        require(section == self.section, "section number")
        return RECORDS

    def record(self):
        word = self.number(8)
        flags, address = word & 0xFFF, word & ~0xFFF
        if flags & 0x10:
            return FOOTER
        if flags & 0x04:
            self.blocks(address)
            return RECORDS
        require(flags & 0x0A, f"flags {flags:#x}")
        if not flags & 0x20:
            name = self.text()
            self.block = [b[0] for b in self.save.blocks].index(name)
        self.records.setdefault(self.block, []).append(address // EXTENT_PAGE)
        self.at += 1 if flags & 2 else 1 << self.chunk.page_bits
        return RECORDS

    def blocks(self, total):
        found = []
        while sum(size for _, size in found) < total:
            name = self.text()
            found.append((name, self.number(8)))
        require(found == self.save.blocks, "list of blocks")

    def footer(self):
        if not self.footers_known:
            self.footers_known, self.footers = 1, self.stream[self.at] == 0x7E
        if self.footers:
            require(self.number(1) == 0x7E, "footer")
            require(self.number(4) == self.section, "footer's section")
        return SECTIONS


def make_chunk(sequence, offset, stream, flags, state, records):
    """The chunk with the pages of @records, of the block 0."""
    place, walk, block, section = state
    packed = subprocess.run(
        ["zstd", "-cq", "--check", f"--stream-size={len(stream)}"],
        input=stream, check=True, stdout=subprocess.PIPE).stdout
    body = struct.pack("<IIQI", sequence, len(packed), offset, len(stream))
    body += packed[-4:] + bytes((place, walk, 12, flags))
    body += struct.pack("<HHIIQ", block, bool(records), section, 0, 0)
    if records:
        first = min(records)
        body += struct.pack("<HHIQQ", 0, 0, len(records), first,
                            max(records) - first + 1)
    return Chunk(Body(body))


def cut_after_section(save):
    """Two chunks of the file's only one: the second begins between sections."""
    stream, walker = save.streams[0], Walker(save, save.chunks[0],
                                             save.streams[0])
    for place in walker.steps():
        if place == FOOTER and walker.records:
            break
    at, records = walker.at, walker.records[0]
    save.chunks = [
        make_chunk(0, 0, stream[:at], 0, (BEGIN, 0, 65535, 0), records),
        make_chunk(1, at, stream[at:], 1, (SECTIONS, 1, 0, walker.section), []),
    ]
    save.streams = [stream[:at], stream[at:]]
    return save


def check(name, path, stream):
    with open(path, "rb") as file:
        save = SaveFile(file.read())
    require(b"".join(save.streams) == stream, "the stream")
    require(save.size == len(stream), "size of the stream")
    require(save.devices_at + save.devices_size == len(stream), "device state")
    require(stream[save.devices_at] in (0, 1, 4, 6), "first device section")
    for chunk, part in zip(save.chunks, save.streams):
        Walker(save, chunk, part).walk()
    print(f"# {name}: {len(save.chunks)} chunks, {len(save.blocks)} blocks")
    return save


def main():
    build, recordings = sys.argv[1], sys.argv[2:]
    command = [build + "/run", build + "/tests/lib/checked/migtune"]

    if not shutil.which("zstd"):
        print("1..0 # SKIP no zstd command")
        return
    cases = []
    with tempfile.TemporaryDirectory() as scratch:
        guests = os.path.join(scratch, "guests.xml")
        path = os.path.join(scratch, "save")
        back = os.path.join(scratch, "back")
        with open(guests, "w") as file:
            file.write(GUESTS)

        def migtune_run(*arguments):
            subprocess.run([*command, "-q", *arguments], check=True,
                           stdout=subprocess.DEVNULL)

        def read_and_write(name, stream):
            save = check(name, path, stream)
            write(save, path)
            migtune_run("image-verify", path)
            migtune_run("image-convert", path, back, "--format", "stream")
            with open(back, "rb") as file:
                require(file.read() == stream, "the stream that was read back")
            return len(save.chunks)

        def saved(guest):
            migtune_run("-c", f"ref://{guests}", "save", guest, path,
                        "--chunk-size", "1")
            stream = subprocess.run(["zstd", "-dcq", path], check=True,
                                    stdout=subprocess.PIPE).stdout
            require(read_and_write(guest, stream) > 1, "more than one chunk")

        def migtune_fails(*arguments):
            """Its error text, or None if it succeeds; a crash is neither."""
            result = subprocess.run([*command, *arguments], text=True,
                                    stdout=subprocess.PIPE,
                                    stderr=subprocess.PIPE)
            require(result.returncode in (0, 1), result.stderr)
            return result.stderr if result.returncode else None

        def lied(guest):
            migtune_run("-c", f"ref://{guests}", "save", guest, path,
                        "--chunk-size", "1")
            migtune_run("image-extract", path, "ram", back)
            with open(back, "rb") as file:
                ram = file.read()
            with open(path, "rb") as file:
                save = SaveFile(file.read())
            for header, table, text in (
                    [(l, None, l[2]) for l in HEADER_LIES] +
                    [(None, l, l[2]) for l in TABLE_LIES]):
                write(save, path, header, table)
                error = migtune_fails("image-verify", path)
                require(error and text in error, f"{header or table}: {error}")
                # It does not read a chunk whose extents hide its pages.
                if migtune_fails("image-extract", path, "ram", back) is None:
                    with open(back, "rb") as file:
                        require(header == HIDING_LIE or file.read() == ram,
                                f"{header or table}: wrong RAM")

        def converted(recording):
            migtune_run("image-convert", recording, path)
            with open(recording, "rb") as file:
                read_and_write(os.path.basename(recording), file.read())

        def cut(recording):
            """Cuts a stream without footers directly after a section of RAM."""
            migtune_run("image-convert", recording, path)
            with open(path, "rb") as file:
                save = SaveFile(file.read())
            write(cut_after_section(save), path)
            migtune_run("image-verify", path)
            migtune_run("image-extract", path, "ram", back)

        for guest in ("mixed", "old"):
            cases.append((guest, saved, guest))
        cases.append(("without footers", cut, recordings.pop()))
        cases.append(("false headers and tables", lied, "mixed"))
        for recording in recordings:
            cases.append((os.path.basename(recording), converted, recording))
        print(f"1..{len(cases)}")
        for number, (name, run, argument) in enumerate(cases, 1):
            try:
                run(argument)
                print(f"ok {number} {name}", flush=True)
            except (AssertionError, subprocess.CalledProcessError) as error:
                print(f"not ok {number} {name}: {error}", flush=True)
            for left in (path, back):
                if os.path.exists(left):
                    os.unlink(left)


main()
