"""Static files, collected once for production: hashed names, compressed, readable by who serves them.

`FILE_UPLOAD_PERMISSIONS` is for what people send: nobody but us reads it. What is collected is public, and often
collected by another user than the one that serves it (root in an image, whatever its umask).
"""

import os
from collections.abc import Iterator
from typing import Any, cast

from django.apps import apps
from django.conf import settings
from django.contrib.staticfiles.apps import StaticFilesConfig
from django.contrib.staticfiles.finders import get_finders
from django.contrib.staticfiles.storage import staticfiles_storage
from django.core.exceptions import ImproperlyConfigured
from whitenoise.storage import CompressedManifestStaticFilesStorage

FILE, FOLDER = 0o644, 0o755
_COLLECT = "run `manage.py collectstatic` with this version of the code."


class CollectedFiles(CompressedManifestStaticFilesStorage):
    """WhiteNoise's storage; everything in it ends with the permissions above, its compressed copies too."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        given = {"file_permissions_mode": FILE, "directory_permissions_mode": FOLDER}
        super().__init__(*args, **(given | kwargs))

    def post_process(self, paths: dict[str, Any], dry_run: bool = False, **options: Any) -> Iterator[Any]:
        yield from super().post_process(paths, dry_run=dry_run, **options)
        if dry_run:
            return
        # Compressed copies are written by WhiteNoise itself, under the umask.
        for folder, _folders, names in os.walk(self.location):
            os.chmod(folder, FOLDER)
            for name in names:
                os.chmod(os.path.join(folder, name), FILE)


def check() -> None:
    """ImproperlyConfigured unless every static file of this code was collected and can be read by this process.

    Otherwise each page would answer 500: the web process of production asks before it serves anything.
    """
    root = settings.STATIC_ROOT
    try:
        collected = dict(cast(CollectedFiles, staticfiles_storage).load_manifest()[0])
    except OSError as error:
        raise ImproperlyConfigured(f"The static files in {root} cannot be read: {error.strerror}; {_COLLECT}") from None
    if not collected:
        raise ImproperlyConfigured(f"There are no static files in {root}: {_COLLECT}")
    for finder in get_finders():
        for name, _storage in finder.list(cast(StaticFilesConfig, apps.get_app_config("staticfiles")).ignore_patterns):
            if name.replace(os.sep, "/") not in collected:
                raise ImproperlyConfigured(f"The static file {name} is not in {root}: {_COLLECT}")
    for hashed in collected.values():
        if not os.access(root / hashed, os.R_OK):
            raise ImproperlyConfigured(f"The static file {root / hashed} cannot be read by this process: {_COLLECT}")
