# Shared by airflow2 and airflow3, after lib.sh. DIR/dags is used as it is where the caller made it; otherwise it
# becomes a copy of dags/ in this folder. `start` prints url and the names and passwords of an administrator and a viewer.

ADMIN_PASSWORD=admin-password VIEWER_PASSWORD=viewer-password
TEMPLATE=$PEERS/$NAME/template

# airflow_settings HOME : what both versions read, in the environment.
airflow_settings() {
  export AIRFLOW_HOME=$1 PATH="$PEERS/$NAME/bin:$PATH"
  export AIRFLOW__CORE__DAGS_FOLDER=$1/dags AIRFLOW__CORE__LOAD_EXAMPLES=False
  export AIRFLOW__USAGE_DATA_COLLECTION__ENABLED=False
  # What a test waits for happens within a second or two, not within half a minute.
  export AIRFLOW__SCHEDULER__SCHEDULER_HEARTBEAT_SEC=1 AIRFLOW__SCHEDULER__JOB_HEARTBEAT_SEC=1
  export AIRFLOW__SCHEDULER__MIN_FILE_PROCESS_INTERVAL=3 AIRFLOW__DAG_PROCESSOR__MIN_FILE_PROCESS_INTERVAL=3
  export AIRFLOW__SCHEDULER__DAG_DIR_LIST_INTERVAL=2 AIRFLOW__DAG_PROCESSOR__REFRESH_INTERVAL=2
  export AIRFLOW__DAG_PROCESSOR__BUNDLE_REFRESH_CHECK_INTERVAL=1
  # Airflow's own limits are for machines with nothing else to do. Where a file is read, a request answered or a process heard of
  # more slowly than that, DAGs vanish, workers are killed and tasks fail that only had to wait.
  export AIRFLOW__CORE__DAGBAG_IMPORT_TIMEOUT=3600
  export AIRFLOW__CORE__DAG_FILE_PROCESSOR_TIMEOUT=3600 AIRFLOW__DAG_PROCESSOR__DAG_FILE_PROCESSOR_TIMEOUT=3600
  export AIRFLOW__SCHEDULER__STALE_DAG_THRESHOLD=3600 AIRFLOW__DAG_PROCESSOR__STALE_DAG_THRESHOLD=3600
  export AIRFLOW__SCHEDULER__SCHEDULER_HEALTH_CHECK_THRESHOLD=3600 AIRFLOW__DAG_PROCESSOR__HEALTH_CHECK_THRESHOLD=3600
  export AIRFLOW__SCHEDULER__TASK_QUEUED_TIMEOUT=86400
  # One process where there would be several, for a machine with two cores.
  export AIRFLOW__SCHEDULER__PARSING_PROCESSES=1 AIRFLOW__DAG_PROCESSOR__PARSING_PROCESSES=1 AIRFLOW__CORE__PARALLELISM=2
}

# airflow_data DATABASE : DIR as a home of its own, with that file or folder of the template at the first start.
airflow_data() {
  [[ -e $DIR/$1 ]] || cp -a "$TEMPLATE/$1" "$DIR/$1"
  [[ -d $DIR/dags ]] || cp -r "$HERE/dags" "$DIR/dags"
  airflow_settings "$DIR"
}

airflow_answer() {
  printf '%s\n' "url=http://127.0.0.1:$PORT" admin_user=admin "admin_password=$ADMIN_PASSWORD" \
    viewer_user=viewer "viewer_password=$VIEWER_PASSWORD"
}
