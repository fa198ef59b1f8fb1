"""Two records of one person made one: what each has, under the record that stays."""
