"""Chinese text: normalising, the safety screen, reading times, department advice, embeddings."""
