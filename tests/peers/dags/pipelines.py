"""Pipelines of three AI systems and one of nobody's, as clause9 meets them. Loads in Airflow 2 and 3.

A task without work is done by the scheduler itself, so a run of these ends a second or two after it was due.
Whoever wants a failure triggers `credit_scoring_validation`: it never runs on its own.
"""

from datetime import datetime, timezone

try:
    from airflow.providers.standard.operators.empty import EmptyOperator
    from airflow.providers.standard.operators.python import PythonOperator
    from airflow.sdk import DAG
except ImportError:
    from airflow import DAG
    from airflow.operators.empty import EmptyOperator
    from airflow.operators.python import PythonOperator


def pipeline(dag_id, schedule, tags, paused=False):
    return DAG(
        dag_id=dag_id,
        schedule=schedule,
        start_date=datetime(2026, 1, 1, tzinfo=timezone.utc),
        catchup=False,
        is_paused_upon_creation=paused,
        default_args={"retries": 0},
        tags=tags,
    )


def checks_fail():
    raise ValueError("3 of 12 checks failed: PSI above its limit")


with pipeline("credit_scoring_features", "@daily", ["aims:credit-scoring", "dataset:loan-applications"]):
    EmptyOperator(task_id="extract") >> EmptyOperator(task_id="check")

with pipeline("credit_scoring_validation", None, ["aims:credit-scoring", "dataset:loan-applications"]):
    PythonOperator(task_id="checks", python_callable=checks_fail)

with pipeline("fraud_detection_refresh", "@hourly", ["aims:fraud-detection", "dataset:card-transactions"]):
    EmptyOperator(task_id="refresh")

with pipeline("cv_screening_ingest", "@daily", ["aims:cv-screening", "dataset:applications"], paused=True):
    EmptyOperator(task_id="ingest")

with pipeline("housekeeping", "@hourly", []):
    EmptyOperator(task_id="sweep")
