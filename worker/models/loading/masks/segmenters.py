"""From files to what finds of a picture what is meant, by models of transformers."""

from __future__ import annotations

from collections.abc import Sequence

from transformers import CLIPSegForImageSegmentation, SamModel

from worker.engine.request import Picture
from worker.models.catalogue import Catalogue
from worker.models.files.errors import SourceError
from worker.models.files.segmenters import goes_by, segmenter_folder
from worker.models.loading.beside import Beside, loaded, model_in, processor_in, tokenizer_in
from worker.models.loading.masks.points import ByPoints, Point
from worker.models.loading.masks.shares import Mask
from worker.models.loading.masks.words import ByWords
from worker.models.tables import SegmenterEntry


class Segmenters:
    """The segmenters of a catalogue, each loaded when it is first asked for and kept."""

    def __init__(self, catalogue: Catalogue) -> None:
        self._beside = Beside("segmenter", catalogue.segmenters, load_segmenter)

    def follow(self, catalogue: Catalogue) -> None:
        """Another catalogue takes the place of the one that was."""
        self._beside.follow(catalogue.segmenters)

    def by_words(self, name: str, picture: Picture, phrases: Sequence[str]) -> Mask:
        """What one of the phrases says. Raises SourceError with a sentence where the segmenter
        cannot be used, TooManyWords where it reads fewer."""
        found = self._beside.get(name)
        if not isinstance(found, ByWords):
            raise SourceError(f"The segmenter {name!r} goes by no words.")
        return found.found(picture, phrases)

    def by_points(self, name: str, picture: Picture, points: Sequence[Point]) -> Mask:
        """What stands at the positive points. Raises SourceError."""
        found = self._beside.get(name)
        if not isinstance(found, ByPoints):
            raise SourceError(f"The segmenter {name!r} goes by no points.")
        return found.found(picture, points)


def load_segmenter(entry: SegmenterEntry) -> ByWords | ByPoints:
    """Load a segmenter of models.toml. Raises SourceError with a sentence."""
    return loaded(entry, _segmenter)


def _segmenter(entry: SegmenterEntry) -> ByWords | ByPoints:
    folder, where = segmenter_folder(entry), entry.where
    if goes_by(entry) == "words":
        model = model_in(CLIPSegForImageSegmentation, folder, where)
        return ByWords(model, processor_in(folder), tokenizer_in(folder))
    return ByPoints(model_in(SamModel, folder, where), processor_in(folder))
