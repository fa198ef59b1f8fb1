"""Performance, measured against a named baseline in the same run. Results are kept in `bench/results/`."""
