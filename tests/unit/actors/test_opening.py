from __future__ import annotations

import subprocess
import sys

import pytest

from actors.datasources.local.storage import LocalStorage
from actors.datasources.opening import open_storage
from actors.datasources.storage import Datasource
from rota.errors import PermanentError


def test_a_folder_is_opened_without_repeats(tmp_path):
    storage = open_storage(Datasource(name="files", root=str(tmp_path)))

    assert isinstance(storage, LocalStorage)
    storage.close()


def test_an_unknown_kind_is_told_with_those_that_exist():
    with pytest.raises(
        PermanentError, match="'files': kind 'floppy' is unknown; allowed: local, s3, gcs, azure, sftp,"
    ):
        open_storage(Datasource(name="files", kind="floppy", root="/dev/fd0"))


def test_a_process_that_opens_folders_does_not_load_the_other_drivers():
    script = (
        "import sys\n"
        "from actors.datasources.opening import open_storage\n"
        "from actors.datasources.storage import Datasource\n"
        "open_storage(Datasource(name='files', root='/tmp')).close()\n"
        "print(*sorted({'obstore', 'asyncssh', 'httpx', 'lxml', 'fsspec'} & set(sys.modules)))\n"
    )

    assert subprocess.check_output([sys.executable, "-c", script], text=True).strip() == ""
