"""HL7 v2 over MLLP: what the hospital's systems tell us, and our bookings told to them. See docs/hl7.md."""
