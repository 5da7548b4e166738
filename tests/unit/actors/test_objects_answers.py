"""What object stores answer, and what it means."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from actors.datasources.objects.answers import azure_page, embedded_refusal, refusal, s3_page, within
from actors.datasources.objects.pages import Object, Page
from rota.errors import PermanentError, TemporaryError

SECOND = 1_000_000_000
AT = 1_795_386_853 * SECOND

S3 = b"""<?xml version="1.0"?><ListBucketResult xmlns="http://s3.amazonaws.com/doc/2006-03-01/"><Name>b</Name>
<IsTruncated>true</IsTruncated><NextContinuationToken>1/x==</NextContinuationToken><EncodingType>url</EncodingType>
<Contents><Key>a%0Ab/p%2Bq+r%25.txt</Key><LastModified>2026-11-22T22:34:13.250Z</LastModified>
<ETag>&quot;abc-2&quot;</ETag><Size>12345678901</Size><StorageClass>STANDARD</StorageClass></Contents>
<CommonPrefixes><Prefix>%C3%A9/</Prefix></CommonPrefixes></ListBucketResult>"""

AZURE = b"""\xef\xbb\xbf<?xml version="1.0" encoding="utf-8"?><EnumerationResults ContainerName="c"><Blobs>
<Blob><Name>dir</Name><Properties><ResourceType>directory</ResourceType></Properties></Blob>
<Blob><Name Encoded="true">a%01b</Name><Properties><Last-Modified>Sun, 22 Nov 2026 22:34:13 GMT</Last-Modified>
<Etag>0x8D</Etag><Content-Length>5</Content-Length><ResourceType>file</ResourceType></Properties></Blob>
<BlobPrefix><Name>sub/</Name></BlobPrefix></Blobs><NextMarker>2!more</NextMarker></EnumerationResults>"""


def test_a_page_of_s3_is_read_with_its_keys_as_they_are() -> None:
    page = s3_page(S3)

    assert page.objects == [Object(b"a\nb/p+q r%.txt", 12_345_678_901, AT + SECOND // 4, "abc-2")]
    assert page.prefixes == ["é/".encode()]
    assert page.token == "1/x=="


def test_keys_are_taken_as_they_come_when_the_service_does_not_encode_them() -> None:
    plain = S3.replace(b"<EncodingType>url</EncodingType>", b"")

    assert s3_page(plain).objects[0].key == b"a%0Ab/p%2Bq+r%25.txt"


def test_the_last_page_leads_nowhere() -> None:
    assert s3_page(S3.replace(b">true<", b">false<")).token == ""


def test_a_page_of_azure_is_read_and_its_directories_are_markers() -> None:
    page = azure_page(AZURE)

    assert page.objects == [Object(b"dir/", 0, 0, ""), Object(b"a\x01b", 5, AT, "0x8D")]
    assert page.prefixes == [b"sub/"]
    assert page.token == "2!more"


@pytest.mark.parametrize(
    ("body", "why"),
    [
        (b"<html>sign in</html>", "no ListBucketResult"),
        (b"<ListBucketResult><Contents>", "no XML"),
        (S3.replace(b"<NextContinuationToken>1/x==</NextContinuationToken>", b""), "not where"),
        (b"<!DOCTYPE x [<!ENTITY a 'aaaa'>]><ListBucketResult>&a;</ListBucketResult>", "document type"),
    ],
)
def test_what_is_no_page_is_never_taken_for_a_short_one(body: bytes, why: str) -> None:
    with pytest.raises(ValueError, match=why):
        s3_page(body)


@pytest.mark.parametrize(
    ("status", "code", "about_one", "kind"),
    [
        (500, "InternalError", True, TemporaryError),
        (503, "SlowDown", False, TemporaryError),
        (429, "", True, TemporaryError),
        (408, "", True, TemporaryError),
        (404, "NoSuchKey", True, FileNotFoundError),
        (404, "NoSuchBucket", True, PermanentError),
        (404, "ContainerNotFound", False, PermanentError),
        (404, "", False, PermanentError),
        (403, "AccessDenied", True, PermissionError),
        (403, "AccessDenied", False, PermanentError),
        (403, "SignatureDoesNotMatch", True, PermanentError),
        (403, "InvalidAccessKeyId", True, PermanentError),
        (401, "", True, PermanentError),
        (412, "PreconditionFailed", True, FileExistsError),
        (400, "Whatever", True, OSError),
        (400, "Whatever", False, PermanentError),
        (301, "PermanentRedirect", True, PermanentError),
    ],
)
def test_a_refusal_says_what_the_caller_must_do(status: int, code: str, about_one: bool, kind: type[Exception]) -> None:
    body = f"<Error><Code>{code}</Code><Message>the key is hunter2</Message></Error>".encode()
    error = refusal(status, {}, body, place="datasource 'x'", about_one=about_one)

    assert isinstance(error, kind)
    assert "datasource 'x'" in str(error)
    assert code in str(error)
    assert "hunter2" not in str(error)


def test_a_service_that_wants_to_be_left_alone_says_how_long() -> None:
    error = refusal(503, {"retry-after": "7"}, b"", place="x", about_one=False)

    assert isinstance(error, TemporaryError)
    assert error.delay_ms == 7000


def test_a_redirect_tells_the_region_of_the_bucket() -> None:
    error = refusal(301, {"x-amz-bucket-region": "eu-west-1"}, b"", place="x", about_one=False)

    assert "its region is eu-west-1" in str(error)


def test_an_error_that_came_with_a_success_is_found() -> None:
    assert embedded_refusal(b"<?xml version='1.0'?><Error><Code>InternalError</Code></Error>") == "InternalError"
    assert embedded_refusal(b"<CopyObjectResult><ETag>x</ETag></CopyObjectResult>") is None


@pytest.mark.parametrize(("document", "page"), [(S3, s3_page), (AZURE, azure_page)])
def test_a_page_that_is_cut_anywhere_is_no_page(document: bytes, page: Callable[[bytes], Page]) -> None:
    assert page(document).objects

    for size in range(len(document)):
        with pytest.raises((ValueError, KeyError, StopIteration)):
            page(document[:size])


@pytest.mark.parametrize("size", ["-1", "", "1e3", "12 34", "9" * 30])
def test_a_size_that_is_none_spoils_the_page(size: str) -> None:
    with pytest.raises(ValueError, match="bytes long"):
        s3_page(S3.replace(b"12345678901", size.encode()))


def test_a_page_has_to_answer_what_was_asked() -> None:
    page = s3_page(S3.replace(b"<Prefix>%C3%A9/</Prefix>", b"<Prefix>a%0Ac/</Prefix>"))

    assert within(page, b"a\n", "1/w==") is page
    for prefix, token in ((b"a\nb", ""), (b"other/", ""), (b"a\n", "1/x==")):
        with pytest.raises(ValueError, match="does not begin with|leads to itself"):
            within(page, prefix, token)
