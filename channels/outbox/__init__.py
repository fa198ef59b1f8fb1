"""What we say: a row before it leaves, at most one acceptance by a vendor."""
