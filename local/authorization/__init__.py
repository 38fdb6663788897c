"""Roles are held to their policies: what a request asks for, and whether that is allowed."""
