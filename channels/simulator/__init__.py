"""Stand-ins for the vendors: their HTTP surfaces, their limits, and a control plane to play the patient."""
