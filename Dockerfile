# docker build -t seedance-mcp . && docker run --rm -i -e SEEDANCE_SANDBOX=1 seedance-mcp
FROM python:3.13-slim
WORKDIR /app
COPY requirements.lock pyproject.toml README.md LICENSE ./
COPY seedance_mcp ./seedance_mcp
# The lock also has what tests need, so only its versions are used.
RUN grep -oE '^[A-Za-z0-9._-]+==[^ ]+' requirements.lock > /tmp/versions \
    && pip install --no-cache-dir -c /tmp/versions '.[media,upload]' \
    && useradd --create-home seedance \
    && install -d -m 700 -o seedance -g seedance /videos /state
USER seedance
ENV SEEDANCE_OUTPUT_DIR=/videos SEEDANCE_STATE_DIR=/state
VOLUME ["/videos", "/state"]
ENTRYPOINT ["seedance-mcp"]
