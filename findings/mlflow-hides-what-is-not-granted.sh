#!/usr/bin/env bash
# MLflow 3.17.2 with its app `basic-auth` and `default_permission = NO_PERMISSIONS`. Needs python3 with venv, and curl.
#
# A user without a grant is not refused: searches of models and versions answer 200 and `{}`, as those of an empty registry do. What tells the two
# apart is who asks: `users/current` says whether the user is an administrator, who sees everything.
set -euo pipefail

work=$(mktemp -d)
server=''
trap '[[ -z $server ]] || kill "$server" 2>/dev/null || true; wait; rm -rf "$work"' EXIT
cd "$work"
python3 -m venv uv && uv/bin/pip install -q uv==0.13.8
uv/bin/uv venv -q env
uv/bin/uv pip install -q --python env/bin/python mlflow==3.17.2 flask-wtf==1.3.0 wtforms==3.3.2

port=$(python3 -c 'import socket; s = socket.socket(); s.bind(("127.0.0.1", 0)); print(s.getsockname()[1])')
url=http://127.0.0.1:$port/api/2.0/mlflow
export MLFLOW_DISABLE_TELEMETRY=true MLFLOW_SERVER_ENABLE_JOB_EXECUTION=false no_proxy=127.0.0.1
export MLFLOW_AUTH_CONFIG_PATH=$work/auth.ini MLFLOW_AUTH_ADMIN_PASSWORD=correct-horse-battery MLFLOW_FLASK_SERVER_SECRET_KEY=for-this-script
cat >auth.ini <<INI
[mlflow]
default_permission = NO_PERMISSIONS
database_uri = sqlite:///$work/users.db
admin_username = admin
authorization_function = mlflow.server.auth:authenticate_request_basic_auth
INI
PATH=$work/env/bin:$PATH mlflow server --app-name basic-auth --host 127.0.0.1 --port "$port" --workers 1 \
  --backend-store-uri "sqlite:///$work/mlflow.db" --default-artifact-root "$work/artifacts" >log 2>&1 &
server=$!
until curl -fs "http://127.0.0.1:$port/health" >/dev/null; do kill -0 "$server"; sleep 1; done

# ask USER PATH [BODY] : the answer in one line.
ask() { curl -fs -u "$1:correct-horse-battery" "$url/$2" ${3:+-H 'Content-Type: application/json' -d "$3"} | python3 -c 'import json, sys; print(json.dumps(json.load(sys.stdin)))'; }
ask admin users/create '{"username": "reader", "password": "correct-horse-battery"}' >/dev/null
ask admin registered-models/create '{"name": "credit-scorer"}' >/dev/null
ask admin registered-models/search | grep -q credit-scorer
[[ $(ask reader registered-models/search) == '{}' ]]
[[ $(ask reader model-versions/search) == '{}' ]]
ask reader users/current | grep -q '"is_admin": false'
ask admin users/current | grep -q '"is_admin": true'
echo "as described"
