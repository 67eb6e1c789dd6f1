"""The gateway as a Python program sees it: grpcio, with code generated from proto/llmgateway/v1 alone."""

import os
import subprocess
import sys
import time
from pathlib import Path

import grpc
from google.rpc import error_details_pb2
from grpc_health.v1 import health_pb2, health_pb2_grpc
from grpc_status import rpc_status
from llmgateway.v1 import chat_pb2, embed_pb2, gateway_pb2_grpc, message_pb2, route_pb2, stats_pb2

ADDRESS = os.environ["GATEWAY_GRPC"]
CREDENTIAL = [("authorization", f"Bearer {os.environ['GATEWAY_KEY']}")]
SERVICE = "llmgateway.v1.LlmGateway"

EXAMPLES = Path(__file__).parents[4] / "docs/examples"
SERVICE_CONFIG = [("grpc.service_config", (EXAMPLES / "service-config.json").read_text())]

channel = grpc.insecure_channel(ADDRESS, options=SERVICE_CONFIG)
gateway = gateway_pb2_grpc.LlmGatewayStub(channel)
health = health_pb2_grpc.HealthStub(channel)


def question(model=""):
    return chat_pb2.ChatRequest(
        model=model,
        messages=[message_pb2.Message(role=message_pb2.ROLE_USER, content="one two three")],
    )


def chat(model="", metadata=CREDENTIAL, timeout=20):
    return gateway.Chat(question(model), metadata=metadata, timeout=timeout)


def stream_chat(model=""):
    return gateway.StreamChat(question(model), metadata=CREDENTIAL, timeout=20)


def error_of(act):
    """The error that act raises."""
    try:
        act()
    except grpc.RpcError as error:
        return error
    raise AssertionError("it should have failed")


def details_of(error):
    """The details of an error by their type's name."""
    status = rpc_status.from_call(error)
    assert status is not None, "it has no details"
    assert status.message == error.details()
    kinds = [error_details_pb2.ErrorInfo, error_details_pb2.RetryInfo, route_pb2.ErrorDetail]
    found = {}
    for packed in status.details:
        for kind in kinds:
            message = kind()
            if packed.Unpack(message):
                found[kind.DESCRIPTOR.name] = message
    return found


def check_chat():
    answer = chat()
    assert answer.message.content == "one two three", answer
    assert answer.finish_reason == chat_pb2.FINISH_REASON_STOP, answer
    assert answer.usage.HasField("input") and not answer.usage.HasField("reasoning"), answer


def check_stream_chat():
    events = [event.WhichOneof("event") for event in stream_chat()]
    assert events == ["start", "text", "text", "text", "finish"], events


def check_cancelled_stream():
    """The gateway counts the call as ended, long before its answer would have been complete."""
    watch = gateway.WatchStats(
        stats_pb2.WatchStatsRequest(interval={"nanos": 100_000_000}), metadata=CREDENTIAL, timeout=15
    )
    before = next(watch).total_requests
    events = stream_chat("endless/echo")
    assert next(events).WhichOneof("event") == "start"
    events.cancel()
    error = error_of(lambda: next(events))
    assert error.code() == grpc.StatusCode.CANCELLED, error
    for stats in watch:
        if stats.total_requests > before:
            break
    watch.cancel()


def check_cut_stream():
    received = []
    error = error_of(lambda: received.extend(stream_chat("sim/cut")))
    assert error.code() == grpc.StatusCode.UNAVAILABLE, error
    details = details_of(error)
    assert details["ErrorInfo"].reason == "UPSTREAM_STREAM_TRUNCATED", details
    assert details["ErrorDetail"].committed, details


def check_deadline():
    """The gateway answers a little before the deadline. On a busy machine the client's own clock is often first."""
    end = time.monotonic() + 60
    while True:
        error = error_of(lambda: chat("sim/slow", timeout=0.5))
        assert error.code() == grpc.StatusCode.DEADLINE_EXCEEDED, error
        if rpc_status.from_call(error) is not None:
            break
        assert time.monotonic() < end, "the client's clock was first for a minute"
    attempts = details_of(error)["ErrorDetail"].attempts
    assert [(attempt.provider, attempt.model) for attempt in attempts] == [("sim", "slow")], attempts


def check_error_details():
    error = error_of(lambda: chat("hopeless"))
    assert error.code() == grpc.StatusCode.UNAVAILABLE, error
    details = details_of(error)
    info = details["ErrorInfo"]
    assert (info.domain, info.reason) == ("llmgateway.v1", "UPSTREAM_OVERLOADED"), info
    assert info.metadata["origin"] == "provider", info
    assert details["RetryInfo"].retry_delay.seconds == 1, details
    assert [attempt.status for attempt in details["ErrorDetail"].attempts] == [503, 503, 429, 429], details


def check_no_credential():
    error = error_of(lambda: chat(metadata=None))
    assert error.code() == grpc.StatusCode.UNAUTHENTICATED, error


def check_large_embeddings():
    """2,000 vectors of 768 numbers are 6 MB; a client takes 4 MB unless it is told otherwise."""
    request = embed_pb2.EmbedRequest(model="sim/embed", inputs=[f"text {n}" for n in range(2000)])
    error = error_of(lambda: gateway.Embed(request, metadata=CREDENTIAL, timeout=20))
    assert error.code() == grpc.StatusCode.RESOURCE_EXHAUSTED, error
    with grpc.insecure_channel(ADDRESS, options=[("grpc.max_receive_message_length", 16 << 20)]) as wide:
        answer = gateway_pb2_grpc.LlmGatewayStub(wide).Embed(request, metadata=CREDENTIAL, timeout=20)
    assert len(answer.embeddings) == 2000
    assert len(answer.embeddings[-1].values) == 768


def check_health():
    for service in ["", SERVICE, "live"]:
        answer = health.Check(health_pb2.HealthCheckRequest(service=service), timeout=20)
        assert answer.status == health_pb2.HealthCheckResponse.SERVING, service
    error = error_of(lambda: health.Check(health_pb2.HealthCheckRequest(service="other"), timeout=20))
    assert error.code() == grpc.StatusCode.NOT_FOUND, error


def check_health_watch():
    for service, expected in [(SERVICE, "SERVING"), ("other", "SERVICE_UNKNOWN")]:
        watch = health.Watch(health_pb2.HealthCheckRequest(service=service), timeout=20)
        status = next(watch).status
        watch.cancel()
        assert health_pb2.HealthCheckResponse.ServingStatus.Name(status) == expected, service


def check_example():
    example = EXAMPLES / "client.py"
    answer = subprocess.run([sys.executable, example, ADDRESS], capture_output=True, text=True, timeout=20)
    expected = "Say something simple. sim 9\n[Say ][something ][simple.]\nUPSTREAM_RATE_LIMITED\n"
    assert answer.stdout == expected, answer.stdout + answer.stderr


def check_calls():
    answer = subprocess.run([sys.executable, EXAMPLES / "calls.py", ADDRESS], capture_output=True, text=True, timeout=60)
    assert answer.returncode == 0, answer.stderr
    for said in ["Say hello. sim", "Once upon a time", "ENSURE_MODEL_STATE_READY success 100", "daily 15"]:
        assert said in answer.stdout, answer.stdout


CHECKS = {
    "Chat": check_chat,
    "StreamChat": check_stream_chat,
    "a stream that is cancelled": check_cancelled_stream,
    "a stream that breaks off is not complete": check_cut_stream,
    "a deadline": check_deadline,
    "an error with its details": check_error_details,
    "a call without a credential is refused": check_no_credential,
    "embeddings above the client's message limit": check_large_embeddings,
    "health": check_health,
    "health, watched": check_health_watch,
    "the example of the README": check_example,
    "the examples of docs/calls.md": check_calls,
}


def main():
    failed = False
    for name, act in CHECKS.items():
        try:
            act()
            print(f"ok {name}", flush=True)
        except Exception as error:  # whatever it is, the other checks go on
            failed = True
            print(f"not ok {name}: {type(error).__name__} {error}".replace("\n", " "), flush=True)
    channel.close()
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
