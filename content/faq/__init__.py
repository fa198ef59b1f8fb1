"""Questions of hospital service, their answers, and finding the one a patient means."""
