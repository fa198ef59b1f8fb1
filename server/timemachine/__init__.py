"""The time machine: a plan played for synthetic patients through the real code, with a virtual clock, in a scratch database."""
