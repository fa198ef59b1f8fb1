"""Pages around one's own data: the staff's `/desk/privacy`, and `/my-data/<token>` for who asked for a copy."""
