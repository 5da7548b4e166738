"""What tantivy keeps of a document, field by field, and how a document becomes that."""

from __future__ import annotations

from hashlib import blake2b
from typing import TYPE_CHECKING

import msgspec

from rota.search.types import extension_of, type_of
from store.search.engine import Document
from store.search.folding import LONGEST_WORD, fold

if TYPE_CHECKING:
    import tantivy

FORM = 1
"""Counts the forms that indexes had; one of another form has to be built anew."""

NO_EXTENSION = "."
_SPREAD = 0.02
_SPREAD_BITS = 20


class Kept(msgspec.Struct, frozen=True, array_like=True):
    """What hits are made of and nobody searches by."""

    folder: bytes
    name: bytes
    kind: str
    size: int
    modified_ns: int
    meta: str


_encode = msgspec.msgpack.Encoder().encode
_decode = msgspec.msgpack.Decoder(Kept).decode


def build_schema() -> tantivy.Schema:
    """Make the schema of all indexes; the languages differ in their analyzers only."""
    import tantivy

    builder = tantivy.SchemaBuilder()
    builder.add_unsigned_field("id", indexed=True, fast=True)
    builder.add_unsigned_field("content", indexed=True, fast=True)
    # Folders are told by hashes: of the own one, and of all above it. Their paths are there to list them.
    builder.add_unsigned_field("folder", indexed=True, fast=True)
    builder.add_unsigned_field("above", indexed=True)
    builder.add_text_field("path", fast=True, tokenizer_name="raw", index_option="basic")
    builder.add_text_field("name", tokenizer_name="plain", index_option="position")
    builder.add_text_field("text", tokenizer_name="stemmed", index_option="position")
    # Prefixes are looked for among words as they are written; only there if the text is stemmed.
    builder.add_text_field("spelled", tokenizer_name="plain", index_option="basic")
    builder.add_text_field("extension", tokenizer_name="raw", index_option="basic")
    builder.add_text_field("type", fast=True, tokenizer_name="raw", index_option="basic")
    builder.add_integer_field("size", fast=True)
    builder.add_integer_field("modified", fast=True)
    # Multiplies scores by 1.00 to 1.02, so that few are equal: see `store.search.tantivy.ranking`.
    builder.add_float_field("spread", fast=True)
    builder.add_bytes_field("kept", stored=True)
    builder.add_bytes_field("body", stored=True)
    return builder.build()


def register_analyzers(index: tantivy.Index, language: str) -> tantivy.TextAnalyzer:
    """Tell an index how folded words are taken apart and stemmed; gives what stems, for queries and snippets."""
    from tantivy import Filter, TextAnalyzerBuilder, Tokenizer

    def split() -> TextAnalyzerBuilder:
        return TextAnalyzerBuilder(Tokenizer.whitespace()).filter(Filter.remove_long(LONGEST_WORD + 1))

    stemmed = split().build() if language == "none" else split().filter(Filter.stemmer(language)).build()
    index.register_tokenizer("plain", split().build())
    index.register_tokenizer("stemmed", stemmed)
    return stemmed


def tantivy_document(document: Document, *, stemmed: bool) -> tantivy.Document:
    """Make what tantivy indexes of a document, for an index that stems or does not."""
    import tantivy

    made = tantivy.Document()
    name = document.name.decode("utf-8", "replace")
    made.add_unsigned("id", document.id)
    made.add_unsigned("content", document.content)
    made.add_unsigned("folder", key_of(document.folder))
    for above in _chain(document.folder):
        made.add_unsigned("above", key_of(above))
    made.add_text("path", text_of_path(document.folder))
    made.add_text("name", fold(name))
    made.add_text("extension", extension_of(name) or NO_EXTENSION)
    made.add_text("type", type_of(name, document.kind))
    if document.kind != "folder":
        made.add_integer("size", document.size)
    made.add_integer("modified", document.modified_ns)
    made.add_float("spread", _SPREAD * (document.id & ((1 << _SPREAD_BITS) - 1)) / (1 << _SPREAD_BITS))
    _add_texts(made, document, stemmed=stemmed)
    return made


def _add_texts(made: tantivy.Document, document: Document, *, stemmed: bool) -> None:
    # Two values of one field: no phrase goes from one into the other.
    for text in filter(None, (document.text, document.meta)):
        folded = fold(text)
        made.add_text("text", folded)
        if stemmed:
            made.add_text("spelled", folded)
    if document.text:
        made.add_bytes("body", document.text.encode("utf-8", "replace"))
    kept = Kept(
        document.folder, document.name, document.kind, document.size, document.modified_ns, _plain(document.meta)
    )
    made.add_bytes("kept", _encode(kept))


def kept_of(document: tantivy.Document) -> Kept:
    """Give what is kept of a document that was found."""
    kept: Kept = _decode(bytes(document.get_first("kept") or b""))
    return kept


def body_of(document: tantivy.Document) -> str:
    """Give the text of a document that was found."""
    return bytes(document.get_first("body") or b"").decode()


def key_of(folder: bytes) -> int:
    """Give the number that names a folder; 64 bits, so two folders of an index will not share one."""
    return int.from_bytes(blake2b(folder, digest_size=8).digest(), "big")


def text_of_path(path: bytes) -> str:
    """Give a text for any path, whatever its bytes are: a character each."""
    return path.decode("latin-1")


def path_of_text(text: str) -> bytes:
    """Give the path back."""
    return text.encode("latin-1")


def _chain(folder: bytes) -> list[bytes]:
    """Give a folder and all above it, without the root."""
    parts = folder.split(b"/") if folder else []
    return [b"/".join(parts[:count]) for count in range(1, len(parts) + 1)]


def _plain(text: str) -> str:
    """Replace what is no character: halves of pairs, which UTF-8 does not know."""
    return text if text.isascii() else text.encode("utf-8", "replace").decode()
