FROM python:3.12-slim
WORKDIR /app
COPY requirements.txt requirements.lock constraints.txt ./
RUN pip install --no-cache-dir --requirement requirements.lock && \
    pip install --no-cache-dir --constraint constraints.txt redis socksio
COPY pyproject.toml setup.py README.md LICENSE ./
COPY gpt2giga gpt2giga
COPY gpt2giga_sandbox gpt2giga_sandbox
RUN pip install --no-cache-dir --no-deps .
RUN install -d -o nobody /var/lib/gpt2giga
USER nobody
WORKDIR /var/lib/gpt2giga
VOLUME /var/lib/gpt2giga
ENV GPT2GIGA_HOST=0.0.0.0 GPT2GIGA_STATE_DIR=/var/lib/gpt2giga PYTHONUNBUFFERED=1
EXPOSE 8080
HEALTHCHECK --interval=30s --timeout=10s --start-period=15s CMD ["gpt2giga", "probe", "--seconds", "5"]
CMD ["gpt2giga"]
