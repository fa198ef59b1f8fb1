"""What patients say of departments and doctors, with how sure one can be of it."""
