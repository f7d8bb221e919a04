"""The product's settings, with one more address: an empty view, which the measurements divide by."""

from marketplace.settings import *  # noqa: F403

ROOT_URLCONF = "bench_floor"
