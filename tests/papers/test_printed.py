"""What is printed, as it is read."""

import math

from ddvae.papers.dd_vae.printed import moses_baselines


def test_baselines_are_numbers_where_they_are_printed():
    table = {row["metric"]: row for row in moses_baselines()}
    assert {len(row) for row in table.values()} == {7} and len(table) == 19
    assert table["Novelty"]["JTN-VAE"] == 0.9143 and math.isnan(table["Novelty"]["train set"])
    unprinted = {model for row in table.values() for model, value in row.items() if value != value}
    assert unprinted == {"train set", "JTN-VAE"}
