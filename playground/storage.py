"""Static files: hashed names, and small forms of what people load."""

from whitenoise.compress import Compressor
from whitenoise.storage import CompressedManifestStaticFilesStorage


class PageCompressor(Compressor):
    """Leaves out the bundles of the API's own page: half a minute of work for one seldom seen."""

    def should_compress(self, filename: str) -> bool:
        return not filename.startswith("ninja/") and super().should_compress(filename)


class StaticStorage(CompressedManifestStaticFilesStorage):
    def create_compressor(self, **options) -> Compressor:
        return PageCompressor(**options)
