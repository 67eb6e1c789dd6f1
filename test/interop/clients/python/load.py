"""Makes one call after the other at replicas of the gateway until its input ends, then prints what became of them."""

import collections
import json
import os
import sys
import threading
from pathlib import Path

import grpc
from google.rpc import error_details_pb2
from grpc_status import rpc_status
from llmgateway.v1 import chat_pb2, gateway_pb2_grpc, message_pb2

SERVICE_CONFIG = Path(os.environ["SERVICE_CONFIG"]).read_text()
TEXT = "one two three"
DEADLINE = 60

channel = grpc.insecure_channel(f"ipv4:{os.environ['GATEWAYS']}", options=[("grpc.service_config", SERVICE_CONFIG)])
gateway = gateway_pb2_grpc.LlmGatewayStub(channel)
ended = threading.Event()


def question(model):
    messages = [message_pb2.Message(role=message_pb2.ROLE_USER, content="hi")]
    return chat_pb2.ChatRequest(model=model, messages=messages)


def chat():
    return gateway.Chat(question(os.environ["CHAT_MODEL"]), timeout=DEADLINE).message.content


def stream_chat():
    text, finished = "", False
    for event in gateway.StreamChat(question(os.environ["STREAM_MODEL"]), timeout=DEADLINE):
        text += event.text.text
        finished = event.WhichOneof("event") == "finish"
    return text if finished else f"{text} without its end"


def reason_of(error):
    info = error_details_pb2.ErrorInfo()
    status = rpc_status.from_call(error)
    for detail in status.details if status else []:
        if detail.Unpack(info):
            return info.reason
    return error.details()


def work(act, outcome):
    while not ended.is_set():
        outcome["calls"] += 1
        try:
            text = act()
            if text != TEXT:
                outcome["failures"].append(f'only "{text}"')
        except grpc.RpcError as error:
            outcome["failures"].append(f"{error.code().name} {reason_of(error)}")


def main():
    workers = int(os.environ["WORKERS"])
    outcomes = [{"calls": 0, "failures": []} for _ in range(workers)]
    threads = [
        threading.Thread(target=work, args=(stream_chat if at % 2 else chat, outcome))
        for at, outcome in enumerate(outcomes)
    ]
    for thread in threads:
        thread.start()
    sys.stdin.read()
    ended.set()
    for thread in threads:
        thread.join()
    failures = collections.Counter(failure for outcome in outcomes for failure in outcome["failures"])
    print(json.dumps({"calls": sum(outcome["calls"] for outcome in outcomes), "failures": failures}))
    channel.close()


if __name__ == "__main__":
    main()
