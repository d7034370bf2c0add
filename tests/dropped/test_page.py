"""What docs/features.md says of files is what the tests of this folder send."""

from tests.dropped.dropping.page import TITLE, section
from tests.running.paths import REPOSITORY


def test_the_page_lists_the_files_that_went_the_whole_way():
    page = (REPOSITORY / "docs" / "features.md").read_text(encoding="utf-8")
    assert page[page.index(TITLE) :] == section()
