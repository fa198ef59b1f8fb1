"""What every page shares: the shell, its components, the front-end build, sign-in."""
