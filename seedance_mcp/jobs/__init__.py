"""The life of a paid job: quoted, admitted, submitted once, watched, saved. `studio.py` is the way in."""
