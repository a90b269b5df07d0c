# The command line and the library, on the processor. It has not been built: where it was written, there was no daemon
# and no registry of images. Its commands are those of `make install`, which CI runs.
#
#   docker build -t nm-vqtsg .
#   docker run --rm -v "$PWD:/data" nm-vqtsg sample model -n 100 --out synthetic.csv
FROM python:3.11-slim

RUN apt-get update \
    && apt-get install --yes --no-install-recommends git \
    && rm -rf /var/lib/apt/lists/*
WORKDIR /opt/nm-vqtsg
RUN pip install --no-cache-dir torch==2.13.0 --index-url https://download.pytorch.org/whl/cpu
COPY requirements.lock ./
RUN pip install --no-cache-dir --require-hashes --no-deps -r requirements.lock
COPY pyproject.toml README.md LICENSE ./
COPY src ./src
RUN pip install --no-cache-dir --no-deps .

RUN useradd --create-home someone
USER someone
WORKDIR /data
ENTRYPOINT ["nm-vqtsg"]
CMD ["--help"]
