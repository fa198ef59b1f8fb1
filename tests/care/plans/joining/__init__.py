"""An audience put into a plan."""
