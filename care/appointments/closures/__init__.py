"""停诊 and a changed doctor: half-days a doctor or a department does not hold, and everybody it touches told."""
