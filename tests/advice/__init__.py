"""Advice of messages: each case causes a message, finds the advice in it, and follows it."""
