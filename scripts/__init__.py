"""What is run by hand while mailcrm is made."""
