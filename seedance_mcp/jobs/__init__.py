"""The life of a paid job: quoted, admitted, submitted once, polled, downloaded. `service.py` is the way in."""
