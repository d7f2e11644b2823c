#!/bin/sh
# No library at all: models, a chat, and the same as a stream.
set -eu
base=${OPENAI_BASE_URL:-http://127.0.0.1:8080/v1}
key=${OPENAI_API_KEY:-unused}

ask() {
    path=$1
    shift
    curl --silent --show-error --fail-with-body --no-buffer "$base$path" \
        --header "Authorization: Bearer $key" --header "Content-Type: application/json" "$@"
    echo
}

ask /models
ask /chat/completions --data '{"messages": [{"role": "user", "content": "Привет!"}]}'
ask /chat/completions --data '{"messages": [{"role": "user", "content": "Посчитай от 1 до 5"}], "stream": true}'
