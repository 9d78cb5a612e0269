"""What messages tell the user to do: each case causes a message, finds the advice in it, and does what it says."""
