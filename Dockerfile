# syntax=docker/dockerfile:1
# Three images from one file:
#   docker build --target server .         the API, without torch
#   docker build --target worker .         a worker on the CPU
#   docker build --target worker-cuda .    a worker on an NVIDIA GPU
# `make images` builds them and makes a picture with them.

FROM python:3.11-slim-bookworm AS base
ENV PATH=/opt/venv/bin:$PATH \
    PYTHONUNBUFFERED=1 \
    PYTHONDONTWRITEBYTECODE=1 \
    PIP_DISABLE_PIP_VERSION_CHECK=1 \
    HOST=0.0.0.0 \
    PORT=7860 \
    DATA=/data
WORKDIR /app
# The folders are made here so that a new volume takes over their owner.
RUN groupadd --gid 1000 darkroom \
    && useradd --uid 1000 --gid darkroom --no-create-home --home-dir /data darkroom \
    && install --directory --owner=darkroom --group=darkroom \
        /data /data/compiled /data/hub /data/images /data/measured /data/renditions \
    && python -m venv /opt/venv


# The page is the same on every platform, so it is built once, on the machine that builds.
FROM --platform=$BUILDPLATFORM node:24-bookworm-slim AS page
WORKDIR /app/clients/web
COPY clients/web/package.json clients/web/package-lock.json clients/web/.npmrc ./
RUN --mount=type=cache,target=/root/.npm npm ci
COPY docs/openapi.json /app/docs/openapi.json
COPY clients/web .
RUN npm run build


FROM base AS server
COPY requirements/server.txt requirements/server.txt
RUN --mount=type=cache,target=/root/.cache/pip \
    pip install --no-deps --require-hashes --requirement requirements/server.txt
COPY pyproject.toml README.md ./
COPY clients/python/src clients/python/src
COPY darkroom darkroom
COPY grammar grammar
COPY jobs jobs
COPY server server
COPY --from=page /app/server/pages/static/app server/pages/static/app
RUN pip install --no-cache-dir --no-build-isolation --no-deps --editable .
USER 1000:1000
EXPOSE 7860
HEALTHCHECK --interval=10s --timeout=5s --start-period=20s \
    CMD ["python", "-c", "from os import environ; from urllib.request import urlopen; urlopen('http://127.0.0.1:' + environ['PORT'] + '/api/v1/health', timeout=4)"]
CMD ["darkroom", "server"]


FROM base AS worker-packages
# A hub model that was pulled stays in the volume at /data/hub.
ENV HF_HOME=/data/hub
COPY requirements/worker.txt requirements/torch.txt requirements/openvino.txt requirements/
RUN --mount=type=cache,target=/root/.cache/pip \
    pip install --no-deps --require-hashes --requirement requirements/worker.txt


FROM scratch AS worker-code
COPY pyproject.toml README.md models.toml /app/
COPY clients/python/src /app/clients/python/src
COPY darkroom /app/darkroom
COPY grammar /app/grammar
COPY jobs /app/jobs
COPY worker /app/worker
COPY models /app/models


# The usual index has torch with CUDA, gigabytes that a CPU has no use for. PyTorch keeps its wheels
# for the CPU in an index of their own; empty is pip's configured ones, for a mirror that has them.
FROM worker-packages AS worker
ARG TORCH_CPU_INDEX=https://download.pytorch.org/whl/cpu
RUN --mount=type=cache,target=/root/.cache/pip \
    pip install --no-deps ${TORCH_CPU_INDEX:+--index-url "$TORCH_CPU_INDEX"} \
        --requirement requirements/torch.txt \
    && python -c "import torch; assert torch.version.cuda is None, 'this is torch for CUDA: set TORCH_CPU_INDEX'"
ARG TARGETARCH
RUN --mount=type=cache,target=/root/.cache/pip \
    if [ "$TARGETARCH" = amd64 ]; then \
        pip install --no-deps --require-hashes --requirement requirements/openvino.txt; \
    fi
COPY --from=worker-code /app .
RUN pip install --no-cache-dir --no-build-isolation --no-deps --editable .
ENV DEVICE=cpu
USER 1000:1000
HEALTHCHECK --interval=15s --timeout=10s --start-period=120s \
    CMD ["darkroom", "doctor", "--worker"]
CMD ["darkroom", "worker"]


# torch's wheels of the usual index bring CUDA with them; the host needs its driver only. Networks are
# compiled by g++ and with CUDA's headers, of which torch's wheels lack the compiler's part.
FROM worker-packages AS worker-cuda
# hadolint ignore=DL3008
RUN apt-get update \
    && apt-get install --yes --no-install-recommends g++ libc6-dev \
    && rm -rf /var/lib/apt/lists/*
# hadolint ignore=DL3013
RUN --mount=type=cache,target=/root/.cache/pip \
    pip install --requirement requirements/torch.txt \
    && release="$(python -c 'import torch; print(torch.version.cuda)')" \
    && pip install "nvidia-cuda-crt==$release.*" "nvidia-cuda-cccl==$release.*"
COPY --from=worker-code /app .
RUN pip install --no-cache-dir --no-build-isolation --no-deps --editable .
ENV DEVICE=cuda \
    NVIDIA_DRIVER_CAPABILITIES=compute,utility
USER 1000:1000
HEALTHCHECK --interval=15s --timeout=10s --start-period=120s \
    CMD ["darkroom", "doctor", "--worker"]
CMD ["darkroom", "worker"]
