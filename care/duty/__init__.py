"""Who is on duty: the roster, and handing a shift over."""
