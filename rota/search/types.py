"""The types that entries are grouped by, told from their names alone: nothing is read for them."""

from __future__ import annotations

from collections.abc import Mapping

TYPES = (
    "folder", "link", "text", "document", "spreadsheet", "presentation", "image",
    "audio", "video", "archive", "code", "data", "mail", "other",
)  # fmt: skip
"""All types, in the order in which people are shown them; `other` is whatever is none of them."""

LONGEST_EXTENSION = 32
"""Characters; what follows the last dot and is longer is a part of the name."""

_EXTENSIONS: Mapping[str, str] = {
    "text": "adoc asc log markdown md me nfo org rst text textile txt",
    "document": (
        "abw azw azw3 djvu doc docm docx dot dotm dotx epub fb2 fodt gdoc htm html htmlz hwp lit mht mhtml mobi odm odt"
        " ott oxps pages pdf ps rtf sxw tex webarchive wpd wps xhtml xps"
    ),
    "spreadsheet": "csv fods gnumeric gsheet numbers ods ots sxc tsv xls xlsb xlsm xlsx xlt xltm xltx",
    "presentation": "fodp gslides key odp otp pot potm potx pps ppsm ppsx ppt pptm pptx sxi",
    "image": (
        "ai arw avif bmp cr2 cr3 cur dds dib dng eps exr fodg gif hdr heic heif icns ico jfif jp2 jpe jpeg jpg jxl nef"
        " odg orf pbm pcx pgm png pnm ppm psb psd raf raw rw2 svg svgz tga tif tiff webp wmf xbm xcf xpm"
    ),
    "audio": (
        "aac ac3 aif aifc aiff alac amr ape au dsf flac m3u m3u8 m4a m4b mid midi mka mp2 mp3 mpc oga ogg opus wav wma"
        " wv"
    ),
    "video": "3g2 3gp asf avi divx f4v flv m2ts m4v mkv mov mp4 mpe mpeg mpg mts mxf ogm ogv rm rmvb vob webm wmv",
    "archive": (
        "7z ace apk ar arj br bz2 cab cbr cbz cpio deb dmg ear gz iso jar lha lz lz4 lzh lzma pkg rar rpm tar tbz2 tgz"
        " txz war whl xar xz z zip zipx zst"
    ),
    "code": (
        "asm awk bash bat c cc cjs clj cljs cmake cmd coffee cpp cs css cxx d dart diff el erl ex exs f90 fish fs fsx"
        " go gradle graphql groovy h hh hpp hrl hs hxx ipynb java jl js jsx kt kts less lisp lua m4 mjs mk ml mli mm"
        " nim nix pas patch php pl pm proto ps1 psm1 py pyi pyx r rb rs sass scala scm scss sh sol sql svelte swift"
        " tcl tf ts tsx vb vbs vim vue zig zsh"
    ),
    "data": (
        "avro bin cfg conf dat db db3 dbf feather geojson gpx h5 hdf5 ics ini json json5 jsonl kml kmz mat mdb ndjson"
        " nc npy npz orc parquet pb pickle pkl properties rdf rds shp sqlite sqlite3 toml ttl vcf xml xsd xsl xslt yaml"
        " yml"
    ),
    "mail": "eml emlx mbox mbx msf msg oft ost pst",
}
_TYPE_OF = {extension: kind for kind, listed in _EXTENSIONS.items() for extension in listed.split()}

_NAMES: Mapping[str, str] = {
    name: kind
    for kind, listed in {
        "text": "authors changelog contributing copying install license licence news notice readme todo",
        "code": "cmakelists dockerfile gemfile jenkinsfile justfile makefile rakefile vagrantfile",
    }.items()
    for name in listed.split()
}
"""Names without an extension that everybody knows."""


def type_of(name: str, kind: str) -> str:
    """Return the type of an entry, one of `TYPES`, by its name and its kind (file, folder or link)."""
    if kind in ("folder", "link"):
        return kind
    extension = extension_of(name)
    if not extension:
        return _NAMES.get(name.lower(), "other")
    return _TYPE_OF.get(extension, "other")


def extension_of(name: str) -> str:
    """Return what follows the last dot of a name, in lower case; empty if there is none.

    A dot at the beginning hides a file and begins no extension, and neither does one with a space behind it.
    """
    stem, dot, end = name.lower().lstrip(".").rpartition(".")
    if not dot or not stem or not end or len(end) > LONGEST_EXTENSION or any(mark.isspace() for mark in end):
        return ""
    return end
