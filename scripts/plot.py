"""Draw what the default study found: python scripts/plot.py PICTURE.png (needs matplotlib)."""

from __future__ import annotations

import sys
from pathlib import Path

import matplotlib.pyplot as plt
import pandas as pd
from sir import read_observed


def main(picture: str) -> None:
    fit, curve = pd.read_parquet("results/fit"), pd.read_parquet("results/curve")
    error = fit.groupby(["gamma", "beta", "R0"], as_index=False)["rmse"].median()
    best = error.loc[error["rmse"].idxmin()]
    print(f"best: beta {best.beta:.2f}, gamma {best.gamma:.2f}, R0 {best.R0:.2f}")

    figure, (left, right) = plt.subplots(1, 2, figsize=(10, 3.8), layout="constrained")
    for gamma, line in error.groupby("gamma"):
        left.plot(line["R0"], line["rmse"], "o-", markersize=3, label=f"gamma = {gamma}")
    left.axvline(3.7, color="0.6", linestyle=":", label="published: 3.7")
    left.set(xlabel="R0 = beta / gamma", ylabel="error (boys), median over seeds")
    left.legend(frameon=False)

    chosen = curve[(curve["beta"] == best.beta) & (curve["gamma"] == best.gamma)]
    for _, outbreak in chosen.groupby("seed"):
        right.plot(outbreak["day"], outbreak["infected"], color="tab:blue", alpha=0.25)
    right.plot([], [], color="tab:blue", label=f"simulated, R0 = {best.R0:.1f}")
    right.plot(read_observed(Path("resources/flu.csv")), "ko", markersize=4, label="observed 1978")
    right.set(xlabel="days after 22 January 1978", ylabel="boys confined to bed")
    right.legend(frameon=False)
    for axes in (left, right):
        axes.spines[["top", "right"]].set_visible(False)
    figure.savefig(picture, dpi=110)


if __name__ == "__main__":
    main(sys.argv[1])
