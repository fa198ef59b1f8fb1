"""Care plans: steps at offsets from dated facts, planned as rows, sent through the gate, stopped when it should stop."""
