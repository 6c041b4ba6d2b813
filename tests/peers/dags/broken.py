"""A DAG file that loads in no version of Airflow, for the import error that it reports."""

import a_module_that_nobody_installed  # noqa: F401
