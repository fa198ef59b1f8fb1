"""What the patient was asked last: the truth of it, whoever asked (a form, a menu, a reminder, a push)."""
