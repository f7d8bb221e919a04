"""Stored bytes in a bucket of an S3-compatible store, so that several hosts share them. A setting: S3_BUCKET."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, NoReturn

from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError
from django.conf import settings
from storages.backends.s3 import S3Storage

from marketplace.files.storage import Stored
from marketplace.patience.breaker import Breaker

# Seconds. A deposit waits for them with the occasion's row locked: a store in trouble must say so soon.
CONNECT_WITHIN, ANSWER_WITHIN, TRIES = 2, 5, 2
# After one call that nobody answered, the next ones are refused at once for some seconds: a thread each is soon all.
server = Breaker("The object store (S3_ENDPOINT_URL)")
_ABSENT = {"NoSuchKey", "404", "NotFound"}  # and not NoSuchBucket, which loses everything at once: a wrong setting


class Bucket(S3Storage):
    """The bucket of the settings. Every method raises OSError; FileNotFoundError only for an object that is not there.

    Private: no ACL is sent (the bucket's policy decides), and no address of an object is ever given to anybody.
    Nobody but marketplace/files/store.py calls these: Django's own `save` and `delete` are refused.
    """

    def __init__(self, **options: Any) -> None:
        # Path style, and no checksum beyond the signature's: what older S3-compatible stores accept.
        config = Config(
            connect_timeout=CONNECT_WITHIN,
            read_timeout=ANSWER_WITHIN,
            retries={"total_max_attempts": TRIES, "mode": "standard"},
            s3={"addressing_style": "path"},
            signature_version="s3v4",
            request_checksum_calculation="when_required",
            response_checksum_validation="when_required",
        )
        super().__init__(
            bucket_name=settings.S3_BUCKET,
            endpoint_url=settings.S3_ENDPOINT_URL or None,
            region_name=settings.S3_REGION or None,
            access_key=settings.S3_ACCESS_KEY_ID or None,
            secret_key=settings.S3_SECRET_ACCESS_KEY or None,
            default_acl=None,
            querystring_auth=False,
            file_overwrite=False,
            client_config=config,
            **options,
        )

    @property
    def _client(self) -> Any:
        return self.connection.meta.client

    def write(self, name: str, content: bytes) -> None:
        """A new object. Its name was never used: there is nothing to write over."""
        with _told():
            self._client.put_object(
                Bucket=self.bucket_name, Key=name, Body=content, ContentType="application/octet-stream"
            )

    def read(self, name: str) -> bytes:
        with _told():
            return bytes(self._client.get_object(Bucket=self.bucket_name, Key=name)["Body"].read())

    def remove(self, name: str) -> None:
        """Nothing happens when it is already gone."""
        with _told():
            self._client.delete_object(Bucket=self.bucket_name, Key=name)

    def has(self, name: str) -> bool:
        try:
            with _told():
                self._client.head_object(Bucket=self.bucket_name, Key=name)
        except FileNotFoundError:
            return False
        return True

    def stored(self, folder: str) -> Iterator[Stored]:
        """The objects under one folder's name."""
        with _told():
            pages = self._client.get_paginator("list_objects_v2").paginate(Bucket=self.bucket_name, Prefix=f"{folder}/")
            for page in pages:
                for item in page.get("Contents", []):
                    yield Stored(item["Key"], item["Size"], item["LastModified"])

    def save(self, name: str, content: Any, max_length: int | None = None) -> NoReturn:
        raise NotImplementedError("marketplace.files.store.keep is the only way in")

    def delete(self, name: str) -> NoReturn:
        raise NotImplementedError("marketplace.files.store.destroy is the only way out")

    def url(self, name: str, *args: Any, **kwargs: Any) -> NoReturn:
        raise NotImplementedError("every file goes through a view that checks who asks")


@contextmanager
def _told() -> Iterator[None]:
    """The library's errors as the disk's: one kind of trouble for whoever stands above."""
    if not server.allows():
        raise OSError("the store did not answer a moment ago")
    try:
        yield
        server.works()
    except ClientError as error:
        server.works()
        code = str(error.response.get("Error", {}).get("Code", ""))
        if code in _ABSENT:
            raise FileNotFoundError(code) from error
        raise OSError(f"the store answered {code}") from error
    except BotoCoreError as error:
        server.failed(error)
        raise OSError(type(error).__name__) from error
