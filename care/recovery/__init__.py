"""Who was dissatisfied hears from somebody within the hour, and somebody looks again when nobody did."""
