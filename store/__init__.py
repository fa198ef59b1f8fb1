"""The database: engine, sessions, ids, clock, encrypted fields, patient events, audit, leased rows."""
