"""The sequence engine against the released way, in the same run; misses are printed as such.

The training step takes real molecules, batches of 512, two threads; see `speed.table`.
"""

import argparse
import sys

from timing import write_csv

from ddvae.papers.dd_vae.speed.recorded import MEASUREMENTS, record
from ddvae.papers.dd_vae.speed.table import PARTS, table

if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--only", default=",".join(PARTS), help="default: %(default)s")
    parser.add_argument("--rounds", type=int, default=3, help="default: %(default)s")
    parser.add_argument("--csv", help="also write the table to this file")
    parser.add_argument("--record", nargs="+", choices=MEASUREMENTS, help="keep measurements for chapter 8")
    arguments = parser.parse_args()
    for name in arguments.record or ():
        record(name)
        print(f"recorded {name}", flush=True)
    if arguments.record:
        sys.exit()
    rows = []
    print(f"{'what':44} {'baseline':>11} {'ours':>11} {'ratio':>7} {'at least':>8} {'aim':>5}  verdict")
    for row in table(arguments.only.split(","), arguments.rounds):
        rows.append(row)
        print(
            f"{row['what']:44} {row['baseline']:11.5g} {row['ours']:11.5g} {row['ratio']:7.2f} "
            f"{row['at least']:8g} {row['aim']:5g}  {row['verdict']}",
            flush=True,
        )
    if arguments.csv:
        write_csv(arguments.csv, rows)
