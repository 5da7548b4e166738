"""Headers of tar archives, as the interpreter's reader understands them."""

from __future__ import annotations

import io
import tarfile
from fractions import Fraction

import pytest

from actors.archives.packing import Entry
from actors.archives.tar.headers import BLOCK_BYTES, RECORD_BYTES, end_of, header_of, padding_of
from actors.datasources.rows import Kind

SECOND = 1_000_000_000
WHOLE = 1_700_000_000 * SECOND


def file(name: bytes, *, size: int = 0, modified_ns: int = WHOLE) -> Entry:
    return Entry(name, Kind.FILE, size, modified_ns, name)


def read(header: bytes) -> tarfile.TarInfo:
    with tarfile.open(fileobj=io.BytesIO(header + end_of(len(header))), encoding="utf-8") as archive:
        (member,) = archive.getmembers()
        return member


def raw(text: str) -> bytes:
    return text.encode("utf-8", "surrogateescape")


def test_plain_file_needs_one_block_and_has_no_owner():
    header = header_of(file(b"docs/letter.txt", size=1234))

    member = read(header)
    assert len(header) == BLOCK_BYTES
    assert (member.name, member.size, member.mtime, member.type) == ("docs/letter.txt", 1234, WHOLE // SECOND, b"0")
    assert (member.uid, member.gid, member.uname, member.gname) == (0, 0, "", "")


def test_mode_tells_only_whether_a_file_is_executable():
    assert read(header_of(file(b"a"))).mode == 0o644
    assert read(header_of(file(b"a"), executable=True)).mode == 0o755
    assert read(header_of(Entry(b"a", Kind.FOLDER, 0, WHOLE, b"a"))).mode == 0o755


def test_folder_ends_with_a_slash_and_has_no_content():
    header = header_of(Entry(b"photos", Kind.FOLDER, 4096, WHOLE, b"photos"))

    assert header.startswith(b"photos/\0")
    assert read(header).isdir()
    assert read(header).size == 0


def test_link_tells_where_it_leads_and_has_no_content():
    member = read(header_of(Entry(b"latest", Kind.LINK, 9, WHOLE, b"latest", b"../v2")))

    assert (member.type, member.linkname, member.size, member.mode) == (b"2", "../v2", 0, 0o777)


@pytest.mark.parametrize(
    "name",
    [
        b"a" * 100,
        b"a" * 99 + b"/" + b"b" * 100,
        b"a" * 155 + b"/" + b"b" * 100,
        b"folder/" * 20 + b"file",
    ],
    ids=len,
)
def test_name_that_fits_the_two_fields_needs_no_records(name):
    header = header_of(file(name))

    assert len(header) == BLOCK_BYTES
    assert raw(read(header).name) == name


@pytest.mark.parametrize(
    "name",
    [
        b"a" * 101,
        b"a" * 255,
        b"a" * 156 + b"/" + b"b" * 100,
        b"folder/" * 571 + b"abc",
        "Grüße/日本語".encode(),
        ("ü" * 127).encode(),
        b"caf\xe9",
        b"\xff" * 200,
        b"line\nbreak=\xfe",
    ],
    ids=ascii,
)
@pytest.mark.parametrize("kind", Kind)
def test_any_other_name_is_kept_in_records(name, kind):
    link = name[::-1] if kind is Kind.LINK else b""
    member = read(header_of(Entry(name, kind, 0, WHOLE, name, link)))

    assert raw(member.name) == name
    assert raw(member.linkname) == link
    assert raw(member.pax_headers["path"]).rstrip(b"/") == name


def test_folder_whose_slash_is_one_byte_too_many_gets_records():
    assert len(header_of(Entry(b"a" * 99, Kind.FOLDER, 0, WHOLE, b"a"))) == BLOCK_BYTES
    header = header_of(Entry(b"a" * 100, Kind.FOLDER, 0, WHOLE, b"a"))

    assert len(header) > BLOCK_BYTES
    assert read(header).name == "a" * 100


def test_records_are_said_to_be_bytes_only_where_one_is_not_utf8():
    assert b"hdrcharset" not in header_of(file("Grüße".encode()))
    assert b"21 hdrcharset=BINARY\n" in header_of(file(b"caf\xe9"))
    assert b"hdrcharset" in header_of(Entry(b"a", Kind.LINK, 0, WHOLE, b"a", b"\xe9"))


@pytest.mark.parametrize(
    ("modified_ns", "written"),
    [
        (1_700_000_001_234_567_890, "1700000001.234567890"),
        (1_700_000_001_000_000_001, "1700000001.000000001"),
        (1, "0.000000001"),
        (-1, "-0.000000001"),
        (-1_500_000_000, "-1.500000000"),
        (-3 * SECOND, "-3.000000000"),
        (8**11 * SECOND, f"{8**11}.000000000"),
    ],
)
def test_time_that_is_no_whole_second_or_does_not_fit_is_written_to_the_nanosecond(modified_ns, written):
    header = header_of(file(b"a", modified_ns=modified_ns))

    assert read(header).pax_headers["mtime"] == written
    assert Fraction(written) * SECOND == modified_ns


def test_unknown_time_is_1970():
    assert read(header_of(file(b"a", modified_ns=0))).mtime == 0


@pytest.mark.parametrize(("size", "blocks"), [(8**11 - 1, 1), (8**11, 3), (5 * 2**40, 3)])
def test_size_from_8_gib_on_is_kept_in_records(size, blocks):
    header = header_of(file(b"a", size=size))

    assert len(header) == blocks * BLOCK_BYTES
    # The reader would go behind the content, so it is asked for the header alone.
    with tarfile.TarFile(fileobj=io.BytesIO(header + end_of(0))) as archive:
        assert archive.firstmember is not None
        assert archive.firstmember.size == size


@pytest.mark.parametrize("length", range(80, 130))
def test_record_counts_its_own_digits(length):
    name = b"\xc3\xa4" + b"a" * length

    assert raw(read(header_of(file(name))).name) == name


@pytest.mark.parametrize(("size", "missing"), [(0, 0), (1, 511), (511, 1), (512, 0), (513, 511)])
def test_padding_fills_the_last_block(size, missing):
    assert padding_of(size) == bytes(missing)


@pytest.mark.parametrize("length", [0, 512, 9216, 9728, 10240, 10752])
def test_end_is_two_blocks_of_zeros_and_fills_the_record(length):
    end = end_of(length)

    assert (length + len(end)) % RECORD_BYTES == 0
    assert 2 * BLOCK_BYTES <= len(end) < RECORD_BYTES + 2 * BLOCK_BYTES
    assert not end.strip(b"\0")
