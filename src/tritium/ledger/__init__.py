"""What calls cost: the one place where tokens become money."""
