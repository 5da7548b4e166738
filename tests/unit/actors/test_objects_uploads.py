"""Answers about unfinished uploads are read as S3 gives them, and refused where they are something else."""

from __future__ import annotations

import pytest

from actors.datasources.objects.uploads import Begun, Sent, Some, pages_of, parts_page, uploads_page

UPLOADS = b"""<?xml version="1.0"?><ListMultipartUploadsResult xmlns="http://s3.amazonaws.com/doc/2006-03-01/">
<EncodingType>url</EncodingType><NextKeyMarker>b%2Fc+d</NextKeyMarker><NextUploadIdMarker>id2</NextUploadIdMarker>
<IsTruncated>true</IsTruncated>
<Upload><Key>a%26b</Key><UploadId>id1</UploadId><Initiated>2026-01-02T03:04:05.678Z</Initiated></Upload>
<Upload><Key>b%2Fc+d</Key><UploadId>id2</UploadId></Upload></ListMultipartUploadsResult>"""
PARTS = b"""<ListPartsResult><PartNumberMarker>0</PartNumberMarker><NextPartNumberMarker>2</NextPartNumberMarker>
<IsTruncated>true</IsTruncated><Part><PartNumber>1</PartNumber><ETag>&quot;x&quot;</ETag><Size>5</Size></Part>
<Part><PartNumber>2</PartNumber><ETag>"y"</ETag><Size>6</Size></Part></ListPartsResult>"""


def test_uploads_are_read_with_the_way_to_the_next_page():
    page = uploads_page(UPLOADS)

    assert page.uploads == [Begun(b"a&b", "id1", 1_767_323_045_678), Begun(b"b/c d", "id2", 0)]
    assert page.next == {"key-marker": "b/c d", "upload-id-marker": "id2"}
    assert uploads_page(UPLOADS.replace(b"true", b"false")).next == {}


def test_parts_are_read_with_the_way_to_the_next_page():
    page = parts_page(PARTS)

    assert page.parts == [Sent(1, 5, '"x"'), Sent(2, 6, '"y"')]
    assert page.next == {"part-number-marker": "2"}
    assert parts_page(PARTS.replace(b"ListPartsResult", b"ListPartsResponse")).parts == page.parts


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"<html></html>",
        b"<Error><Code>NoSuchUpload</Code></Error>",
        b"<!DOCTYPE x><ListPartsResult/>",
        PARTS.replace(b"<Size>5</Size>", b""),
        PARTS.replace(b"<Size>5", b"<Size>many"),
        PARTS.replace(b"<NextPartNumberMarker>2</NextPartNumberMarker>", b""),
    ],
)
def test_other_answers_are_refused(body):
    with pytest.raises((ValueError, KeyError)):
        parts_page(body)
    with pytest.raises((ValueError, KeyError)):
        uploads_page(body)


def test_page_after_page_is_asked_for_until_the_last():
    asked = []

    def ask(following):
        asked.append(following)
        return Some([], [], {"at": str(len(asked))} if len(asked) < 3 else {})

    assert len(list(pages_of(ask))) == 3
    assert asked == [{}, {"at": "1"}, {"at": "2"}]


def test_a_page_that_leads_to_itself_is_refused():
    with pytest.raises(ValueError, match="leads to itself"):
        list(pages_of(lambda following: Some([], [], {"at": "1"})))
