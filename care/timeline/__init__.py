"""One line of everything that happened around a patient: each subject gives its rows, one statement finds a page of them."""
