"""What patients are owed to hear of an act at the desk: written with the act, told by a worker."""
