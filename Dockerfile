# The Airflow image with this package in it; every Airflow service of docker-compose.yaml runs it.
ARG AIRFLOW_IMAGE_NAME=apache/airflow:3.3.2

FROM ${AIRFLOW_IMAGE_NAME} AS wheel
WORKDIR /tmp/source
COPY pyproject.toml README.md LICENSE ./
COPY okta_mi_provider okta_mi_provider
RUN pip wheel --no-cache-dir --no-deps --wheel-dir /tmp/wheels .

FROM ${AIRFLOW_IMAGE_NAME}
# The image's own constraints, so that installing this package changes nothing of Airflow.
ARG CONSTRAINTS=/home/airflow/constraints.txt
COPY --from=wheel /tmp/wheels /tmp/wheels
RUN pip install --no-cache-dir --constraint "${CONSTRAINTS}" "apache-airflow==${AIRFLOW_VERSION}" /tmp/wheels/*.whl
