"""Downloads of finished videos: one server per video, resumed after a crash, published only when complete."""
