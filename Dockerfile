# One image for every role: `serve` (default), `migrate`, and any other `rectify` command.
FROM python:3.11-slim AS build
WORKDIR /src
COPY requirements.lock requirements-dev.lock ./
RUN python -m venv /venv \
 && /venv/bin/pip install --no-cache-dir --require-hashes -r requirements.lock \
 && pip install --no-cache-dir --require-hashes -r requirements-dev.lock
COPY pyproject.toml README.md ./
COPY app app
COPY migrations migrations
RUN pip wheel --no-deps --no-build-isolation --wheel-dir /dist . \
 && /venv/bin/pip install --no-cache-dir --no-deps /dist/*.whl

FROM python:3.11-slim
RUN useradd --system --uid 10001 --user-group --no-create-home rectify \
 && install -d -o rectify -g rectify -m 0711 /var/lib/rectify
COPY --from=build /venv /venv
ENV PATH=/venv/bin:$PATH \
    PYTHONUNBUFFERED=1 \
    RECTIFY_HOST=0.0.0.0 \
    RECTIFY_VAR=/var/lib/rectify
USER rectify
WORKDIR /var/lib/rectify
VOLUME /var/lib/rectify
EXPOSE 8000
HEALTHCHECK --interval=10s --timeout=3s --start-period=60s \
  CMD ["python", "-c", "import os, urllib.request as u; u.urlopen('http://127.0.0.1:' + os.environ.get('PORT', '8000') + '/livez', timeout=2)"]
ENTRYPOINT ["rectify"]
CMD ["serve"]
