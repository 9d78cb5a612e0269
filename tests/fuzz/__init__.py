"""Hostile tests: odd objects at every public function, a machine that calls in any order, campaigns of scripts/hostile.py."""
