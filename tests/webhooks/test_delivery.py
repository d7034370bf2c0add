"""Webhooks reach their receiver: signed, in order, again after a failure, through kill -9."""

from __future__ import annotations

import json
import socket
import time
from email.header import decode_header, make_header
from http.server import BaseHTTPRequestHandler
from pathlib import Path

import pytest
from flask.testing import FlaskClient
from redis import Redis
from standardwebhooks import Webhook, WebhookVerificationError

from darkroom.cli import main
from jobs.settings import settings
from jobs.webhooks import messages, outbox
from jobs.whereabouts import here
from tests.running.hand_worker import HandWorker
from tests.running.paths import API
from tests.running.processes.program import Program
from tests.webhooks.conftest import Receiver, deliverer


def submit(client: FlaskClient, receiver: Receiver, **webhook: object) -> str:
    hook = {"url": f"{receiver.url}/hook?token=sesame", **webhook}
    answer = client.post(f"{API}/jobs", json={"prompt": "red apple", "webhook": hook})
    assert answer.status_code == 202, answer.text
    assert "sesame" not in answer.text
    return answer.get_json()["id"]


def eventually(true, seconds: float = 10) -> None:
    deadline = time.monotonic() + seconds
    while not true():
        assert time.monotonic() < deadline
        time.sleep(0.05)


def test_the_end_of_a_job_is_told_once_with_its_record_and_a_signature_that_verifies(
    client: FlaskClient, redis: Redis, worker: HandWorker, receiver: Receiver, sending: object
):
    job_id = submit(client, receiver)
    [image] = worker.run(job_id)
    [came] = receiver.wait(1)
    assert came.path == "/hook?token=sesame"
    message = Webhook(messages.secret(redis, "local")).verify(came.body, came.headers)
    assert message["type"] == "job.done"
    assert message["event"]["status"] == "succeeded"
    record = client.get(f"{API}/jobs/{job_id}").get_json()
    [output] = message["data"]["outputs"]
    assert output["id"] == image
    assert output["url"].startswith("http://localhost/api/v1/images/")
    assert client.get(output["url"]).status_code == 200
    assert message["data"]["urls"]["self"] == f"http://localhost{record['urls']['self']}"
    for name in ("id", "status", "input", "created_at", "finished_at"):
        assert message["data"][name] == record[name]
    eventually(lambda: outbox.waiting(redis) == 0)
    assert len(receiver.received) == 1


def test_a_signature_of_another_owner_does_not_verify(
    client: FlaskClient, redis: Redis, worker: HandWorker, receiver: Receiver, sending: object
):
    worker.run(submit(client, receiver))
    [came] = receiver.wait(1)
    with pytest.raises(WebhookVerificationError):
        Webhook(messages.secret(redis, "somebody")).verify(came.body, came.headers)


def test_events_of_a_job_come_in_their_order_though_the_first_has_to_be_sent_again(
    client: FlaskClient, worker: HandWorker, receiver: Receiver, sending: object
):
    receiver.answers = [500, 503]
    worker.run(submit(client, receiver, events=["status", "output", "done"]))
    came = receiver.wait(6)
    ids = [each.headers["webhook-id"] for each in came]
    assert ids[0] == ids[1] == ids[2]
    assert len(set(ids)) == 4
    told = [json.loads(each.body)["event"] for each in came[2:]]
    assert [each.get("status", each["event"]) for each in told] == [
        "queued",
        "running",
        "output",
        "succeeded",
    ]
    assert json.loads(came[4].body)["event"]["output"]["url"].startswith("http://localhost/api")


def test_only_the_events_that_were_asked_for_are_told(
    client: FlaskClient, redis: Redis, worker: HandWorker, receiver: Receiver, sending: object
):
    job_id = submit(client, receiver, events=["output"])
    worker.run(job_id)
    receiver.wait(1)
    eventually(lambda: outbox.waiting(redis) == 0)
    assert [json.loads(each.body)["type"] for each in receiver.received] == ["job.output"]


@pytest.mark.fault
def test_a_webhook_survives_kill_9_of_its_sender_and_goes_out_under_the_same_id(
    client: FlaskClient, redis_url: str, worker: HandWorker, receiver: Receiver, data: Path
):
    receiver.answers = [lambda handler: time.sleep(30)]
    with deliverer(redis_url, data, webhook_timeout=2) as process:
        worker.run(submit(client, receiver))
        receiver.wait(1)
        process.kill()
        process.wait()
    with deliverer(redis_url, data):
        first, second = receiver.wait(2, seconds=20)
    assert first.headers["webhook-id"] == second.headers["webhook-id"]
    assert json.loads(second.body)["type"] == "job.done"


def test_two_senders_send_each_webhook_once(
    client: FlaskClient,
    redis_url: str,
    redis: Redis,
    worker: HandWorker,
    receiver: Receiver,
    data: Path,
    sending: object,
):
    with deliverer(redis_url, data):
        jobs = [submit(client, receiver) for _ in range(30)]
        for job in jobs:
            worker.run(job)
        receiver.wait(30)
        eventually(lambda: outbox.waiting(redis) == 0)
    ids = [each.headers["webhook-id"] for each in receiver.received]
    assert len(ids) == len(set(ids)) == 30


def test_each_wait_is_longer_than_the_one_before_whatever_the_chance():
    for tried in range(6):
        shorter = max(outbox.delay(tried, 1.0) for _ in range(200))
        longer = min(outbox.delay(tried + 1, 1.0) for _ in range(200))
        assert shorter < longer


@pytest.mark.slow
def test_what_fails_again_and_again_is_given_up_for_the_operator_to_see(
    client: FlaskClient,
    redis_url: str,
    redis: Redis,
    worker: HandWorker,
    receiver: Receiver,
    data: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
):
    receiver.answers = [500] * 4
    with deliverer(redis_url, data, webhook_retries=3):
        worker.run(submit(client, receiver))
        came = receiver.wait(4, seconds=25)
        assert len(came) == 4
        eventually(lambda: outbox.dead_letters(redis))
        monkeypatch.setenv("REDIS_URL", redis_url)
        settings.cache_clear()
        assert main(["webhooks"]) == 0
        said = capsys.readouterr().out
        assert "answered 500" in said
        assert receiver.url in said
        assert "sesame" not in said
        [letter] = outbox.dead_letters(redis)
        assert (letter.attempts, letter.kind) == (4, "done")
        assert main(["webhooks", "retry", letter.id]) == 0
        receiver.wait(5)
        assert main(["webhooks", "list"]) == 0
        assert "No webhook was given up." in capsys.readouterr().out
    assert receiver.received[4].headers["webhook-id"] == letter.id
    assert "sesame" not in (data / "webhooks.log").read_text()


def test_a_receiver_that_is_gone_is_not_asked_again_and_a_redirect_is_not_followed(
    client: FlaskClient, redis: Redis, worker: HandWorker, receiver: Receiver, sending: object
):
    receiver.answers = [302, 410]
    worker.run(submit(client, receiver))
    receiver.wait(2)
    eventually(lambda: outbox.dead_letters(redis))
    assert [each.path for each in receiver.received] == ["/hook?token=sesame"] * 2
    assert outbox.dead_letters(redis)[0].reason == "answered 410"


def test_a_receiver_that_answers_a_byte_at_a_time_is_cut_off(
    client: FlaskClient, redis: Redis, worker: HandWorker, receiver: Receiver, sending: object
):
    cut: list[float] = []

    def drip(handler: BaseHTTPRequestHandler) -> None:
        started = time.monotonic()
        try:
            for byte in b"HTTP/1.1 200 OK\r\nX: " + b"x" * 200:
                handler.wfile.write(bytes([byte]))
                time.sleep(0.1)
        except OSError:
            cut.append(time.monotonic() - started)

    receiver.answers = [drip]
    worker.run(submit(client, receiver))
    receiver.wait(2)
    eventually(lambda: cut)
    assert cut[0] < 3


def test_a_hanging_receiver_does_not_hold_up_another(
    client: FlaskClient, redis_url: str, worker: HandWorker, receiver: Receiver, data: Path
):
    with socket.socket() as silent:
        silent.bind(("127.0.0.1", 0))
        silent.listen(64)
        hanging = f"http://127.0.0.1:{silent.getsockname()[1]}/"
        with deliverer(redis_url, data, webhook_timeout=20) as process:
            for _ in range(20):
                answer = client.post(
                    f"{API}/jobs", json={"prompt": "x", "webhook": {"url": hanging}}
                )
                worker.run(answer.get_json()["id"])
            worker.run(submit(client, receiver))
            receiver.wait(1, seconds=8)
            process.kill()


def test_a_deleted_job_is_told_of_no_more(
    client: FlaskClient, redis: Redis, worker: HandWorker, receiver: Receiver
):
    job_id = submit(client, receiver)
    worker.run(job_id)
    assert outbox.waiting(redis) == 1
    assert client.delete(f"{API}/jobs/{job_id}").status_code == 204
    assert outbox.waiting(redis) == 0
    assert not list(redis.scan_iter("darkroom:webhook:*"))


def test_a_phone_gets_a_message_as_ntfy_has_it(
    client: FlaskClient, worker: HandWorker, receiver: Receiver, sending: object
):
    answer = client.post(
        f"{API}/jobs",
        json={
            "prompt": "ein Äpfelchen",
            "webhook": {"url": f"{receiver.url}/topic", "format": "ntfy"},
        },
    )
    [image] = worker.run(answer.get_json()["id"])
    [came] = receiver.wait(1)
    assert (came.path, came.body.decode()) == ("/topic", "ein Äpfelchen")
    assert str(make_header(decode_header(came.headers["title"]))) == "Picture ready"
    # Asked for on this machine, it is opened on another device.
    base = next(iter(here.addresses(settings())), "http://localhost")
    assert came.headers["click"] == f"{base}/"
    assert came.headers["attach"].startswith(f"{base}/")
    assert image in came.headers["attach"]
    assert came.headers["tags"] == "art"


def test_the_webhook_is_in_no_record_and_no_recipe(
    client: FlaskClient, redis: Redis, worker: HandWorker, receiver: Receiver
):
    job_id = submit(client, receiver)
    assert "hook" not in client.get(f"{API}/jobs/{job_id}").text
    assert "hook" not in client.get(f"{API}/jobs").text
    assert b"sesame" not in b"".join(redis.hgetall(f"rq:job:{job_id}").values())


def test_jobs_end_while_no_sender_runs_and_are_told_of_when_one_does(
    client: FlaskClient, redis_url: str, worker: HandWorker, receiver: Receiver, data: Path
):
    worker.run(submit(client, receiver))
    with deliverer(redis_url, data):
        receiver.wait(1)


def test_the_health_check_of_a_container_tells_whether_a_sender_lives(
    redis_url: str, redis: Redis, data: Path, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setenv("REDIS_URL", redis_url)
    settings.cache_clear()
    assert main(["webhooks", "health"]) == 1
    with deliverer(redis_url, data):
        eventually(lambda: main(["webhooks", "health"]) == 0)
    settings.cache_clear()


def test_the_sender_finishes_what_is_under_way_when_told_to_stop(
    client: FlaskClient,
    redis: Redis,
    worker: HandWorker,
    receiver: Receiver,
    sending: Program,
):
    def slow(handler: BaseHTTPRequestHandler) -> None:
        time.sleep(0.5)
        handler.send_response(204)
        handler.end_headers()

    receiver.answers = [slow]
    worker.run(submit(client, receiver))
    receiver.wait(1)
    sending.terminate()
    assert sending.wait(10) == 0
    assert outbox.waiting(redis) == 0
