"""Static files: hashed names, small forms of what people load, parts joined to one file."""

from collections.abc import Iterator

from django.core.files.base import ContentFile
from whitenoise.compress import Compressor
from whitenoise.storage import CompressedManifestStaticFilesStorage

# One request for what is written in several files; in this order, because scripts run in it.
JOINED = {
    "js/outputs.js": [
        f"js/outputs/{name}.js"
        for name in (
            "run-socket",
            "board",
            "blocks",
            "reading",
            "follow",
            "vote",
            "sync-scroll",
            "notify",
        )
    ],
    "js/prompt.js": [
        f"js/prompt/{name}.js"
        for name in (
            "editors",
            "messages",
            "images",
            "variables",
            "parameters",
            "mistakes",
            "draft",
            "run",
            "columns",
            "saving",
        )
    ],
}


class PageCompressor(Compressor):
    """Leaves out the bundles of the API's own page: half a minute of work for one seldom seen."""

    def should_compress(self, filename: str) -> bool:
        return not filename.startswith("ninja/") and super().should_compress(filename)


class StaticStorage(CompressedManifestStaticFilesStorage):
    def create_compressor(self, **options) -> Compressor:
        return PageCompressor(**options)

    def post_process(self, paths: dict, dry_run: bool = False, **options) -> Iterator[tuple]:
        for name, parts in JOINED.items():
            texts = []
            for part in parts:
                storage, path = paths.pop(part)
                with storage.open(path) as file:
                    texts.append(file.read())
            self.delete(name)
            self.save(name, ContentFile(b"\n".join(texts)))
            paths[name] = (self, name)
        yield from super().post_process(paths, dry_run, **options)
