"""Attachments and large raw mails as files named by their SHA-256; a name is never content's file name.

``put`` is durable when it returns: written aside, fsynced, renamed, folder fsynced. Equal content is stored once. A blob
without a row for 24 hours is collected by the daily job.
"""

import hashlib
import os
import secrets
from collections.abc import Iterable, Iterator
from datetime import datetime
from pathlib import Path


class Blobs:
    """A content-addressed folder. Raises OSError when the disk does; FileNotFoundError for an unknown hash."""

    def __init__(self, root: Path) -> None:
        self.root = root
        root.mkdir(parents=True, exist_ok=True, mode=0o700)

    def put(self, content: bytes) -> str:
        """Store ``content`` durably; returns its SHA-256 in hex."""
        sha256 = hashlib.sha256(content).hexdigest()
        self.put_all([(sha256, content)])
        return sha256

    def put_all(self, contents: Iterable[tuple[str, bytes]]) -> None:
        """Store several (hash, content) pairs; each folder is fsynced once."""
        folders: set[Path] = set()
        for sha256, content in contents:
            target = self.path(sha256)
            if target.exists():
                os.utime(target)  # young again: a collector running now must not take it
                continue
            for folder in (self.root, target.parent.parent, target.parent):  # mode= is for the last only
                folder.mkdir(exist_ok=True, mode=0o700)
            aside = target.with_name(f".{secrets.token_hex(8)}")
            with open(os.open(aside, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as f:
                f.write(content)
                f.flush()
                os.fsync(f.fileno())
            os.rename(aside, target)
            folders.update((target.parent, target.parent.parent, self.root))
        for folder in folders:
            _fsync_folder(folder)

    def path(self, sha256: str) -> Path:
        """Where the blob with this hash lies, whether or not it is there."""
        if len(sha256) != 64 or not sha256.isalnum():
            raise FileNotFoundError(f"{sha256!r} is not the name of a blob")
        return self.root / sha256[:2] / sha256[2:4] / sha256

    def read(self, sha256: str) -> bytes:
        return self.path(sha256).read_bytes()

    def older_than(self, at: datetime) -> Iterator[str]:
        """Hashes of blobs last stored before ``at``; candidates for collection."""
        for path in self.root.glob("??/??/*"):
            if path.is_file() and path.stat().st_mtime < at.timestamp():
                yield path.name

    def remove(self, sha256: str) -> None:
        self.path(sha256).unlink(missing_ok=True)


def _fsync_folder(folder: Path) -> None:
    fd = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(fd)
    finally:
        os.close(fd)
