"""What education, conversations and clinics came to, in figures that name nobody."""
