"""How likely a visit is to be missed: a small model on the hospital's own history, judged before it is used."""
