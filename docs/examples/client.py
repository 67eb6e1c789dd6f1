import os
import sys

import grpc
from google.rpc import error_details_pb2
from grpc_status import rpc_status
from llmgateway.v1 import chat_pb2, gateway_pb2_grpc, message_pb2

address = sys.argv[1] if len(sys.argv) > 1 else "127.0.0.1:50051"
# Answers with many embeddings are larger than the 4 MiB that grpcio takes by default.
channel = grpc.insecure_channel(address, options=[("grpc.max_receive_message_length", 16 << 20)])
gateway = gateway_pb2_grpc.LlmGatewayStub(channel)
options = {"metadata": [("authorization", f"Bearer {os.environ.get('GATEWAY_KEY', '')}")], "timeout": 30}
messages = [message_pb2.Message(role=message_pb2.ROLE_USER, content="Say something simple.")]

answer = gateway.Chat(chat_pb2.ChatRequest(messages=messages), **options)
print(answer.message.content, answer.route.provider, answer.usage.total)

for event in gateway.StreamChat(chat_pb2.ChatRequest(messages=messages), **options):
    if event.WhichOneof("event") == "text":
        print(f"[{event.text.text}]", end="", flush=True)
print()

try:
    gateway.Chat(chat_pb2.ChatRequest(model="sim/error-429", messages=messages), **options)
except grpc.RpcError as error:
    info = error_details_pb2.ErrorInfo()
    for detail in rpc_status.from_call(error).details:
        if detail.Unpack(info):
            print(info.reason)
