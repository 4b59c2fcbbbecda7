"""MOSES' metrics, ours against molsets' own on the same molecules: parity, seconds, memory."""

import argparse

from timing import write_csv

from ddvae.papers.dd_vae.speed.moses_parity import parity

if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("-n", type=int, default=10_000, help="molecules; default: %(default)s")
    parser.add_argument("--n-jobs", type=int, default=2, help="default: %(default)s")
    parser.add_argument("--csv", help="also write the table to this file")
    arguments = parser.parse_args()
    rows = parity(arguments.n, arguments.n_jobs)
    print(f"{'metric':14} {'ours':>14} {'molsets':>14} {'difference':>11}   n = {arguments.n:,}")
    for row in rows:
        print(f"{row['metric']:14} {row['ours']:14.8f} {row['molsets']:14.8f} {row['difference']:11.1e}")
    ours, theirs = rows[0]["our seconds"], rows[0]["molsets' seconds"]
    print(
        f"molsets {theirs:.0f} s, ours {ours:.0f} s with {rows[0]['our GiB']:.1f} GiB: {theirs / ours:.1f}x"
    )
    print("wanted: at least 4x, aim 8x; below 4 GiB; FCD within 1e-4 relative, all others within 1e-6")
    if arguments.csv:
        write_csv(arguments.csv, rows)
