"""Draws a second of each kernel for a batch of codes: the paper's rejection sampler, ours, their ratio."""

from ddvae.papers.dd_vae.speed.sampling import sampling

if __name__ == "__main__":
    for row in sampling():
        print(
            f"{row['kernel']:14} {row['baseline'] / 1e6:7.1f} M/s {row['ours'] / 1e6:7.1f} M/s "
            f"{row['ratio']:6.1f}x ({row['low']:.1f} to {row['high']:.1f})",
            flush=True,
        )
