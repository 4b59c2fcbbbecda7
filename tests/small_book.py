"""Notebooks of a few lines, and the files that a folder holds."""

import nbformat

TABLE = "chapter.table(pd.DataFrame({'a': [seed]}), 't', 'T.')"
LONG_TABLE = "chapter.table(pd.DataFrame({'a': range(1000)}), 't', 'T.')"


def page(name, body):
    """A cell that makes a chapter's page and puts something on it."""
    start = "import pandas as pd\nfrom ddvae.book.chapter import Chapter\n"
    return f"{start}chapter = Chapter({name!r}, budget, out, seed, device)\n{body}"


def write_notebook(path, body):
    parameters = nbformat.v4.new_code_cell("budget, out, seed, device = 'recorded', '', 1, 'cpu'")
    parameters.metadata["tags"] = ["parameters"]
    cells = [parameters, nbformat.v4.new_code_cell(body)]
    nbformat.write(nbformat.v4.new_notebook(cells=cells), path)


def files(folder, pattern="**/*"):
    """Content of each file in a folder, by its path there."""
    found = sorted(path for path in folder.glob(pattern) if path.is_file())
    return {str(path.relative_to(folder)): path.read_bytes() for path in found}
