"""A stochastic SIR epidemic in a school, compared with the outbreak of 1978."""

from __future__ import annotations

import csv
from pathlib import Path

import numpy as np

POPULATION = 763
INFECTED = 3  # on day 0, 22 January 1978
STEPS = 24  # a day


def simulate(params: dict) -> dict:
    """One outbreak, beside the observed one.

    Args:
        params: beta (contacts that infect, per day), gamma (recoveries per day), seed. The
            random numbers come from the seed alone, so that different beta and gamma are
            compared on the same ones.

    Returns:
        curve: a row a day: day, infected (boys ill at that time).
        fit: one row: rmse against the data, peak, peak_day, attack_rate.
    """
    observed = read_observed(Path("flu.csv"))
    infected, recovered = outbreak(params["beta"], params["gamma"], params["seed"], len(observed))
    error = infected - observed
    return {
        "curve": {"day": np.arange(len(infected)), "infected": infected},
        "fit": {
            "rmse": float(np.sqrt(np.mean(error**2))),
            "peak": int(infected.max()),
            "peak_day": int(infected.argmax()),
            "attack_rate": float((infected[-1] + recovered) / POPULATION),
        },
    }


def outbreak(beta: float, gamma: float, seed: int, days: int) -> tuple[np.ndarray, int]:
    """Boys ill on each day, and those recovered on the last: a chain of binomial draws."""
    uniform = np.random.default_rng(seed).random(((days - 1) * STEPS, 2))
    susceptible, ill, recovered = POPULATION - INFECTED, INFECTED, 0
    infected = [ill]
    for step, (infects, recovers) in enumerate(uniform, start=1):
        chance = 1 - np.exp(-beta * ill / POPULATION / STEPS)
        new = binomial(susceptible, chance, infects)
        well = binomial(ill, 1 - np.exp(-gamma / STEPS), recovers)
        susceptible, ill, recovered = susceptible - new, ill + new - well, recovered + well
        if step % STEPS == 0:
            infected.append(ill)
    return np.array(infected), recovered


def binomial(n: int, p: float, uniform: float) -> int:
    """The binomial number at a quantile: sums its probabilities from 0 on.

    One uniform number a draw, whatever n and p are, keeps the stream of random numbers
    in step over all parameters.
    """
    if n == 0 or p == 0:
        return 0
    probability = cumulated = (1 - p) ** n
    k = 0
    while cumulated < uniform and k < n:
        probability *= (n - k) / (k + 1) * p / (1 - p)
        cumulated += probability
        k += 1
    return k


def read_observed(path: Path) -> np.ndarray:
    """The observed numbers, day by day."""
    with path.open(encoding="utf-8") as file:
        return np.array([int(row["confined_to_bed"]) for row in csv.DictReader(file)])
