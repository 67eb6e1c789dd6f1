package interop;

import com.google.gson.Gson;
import com.google.protobuf.Any;
import com.google.protobuf.InvalidProtocolBufferException;
import com.google.rpc.ErrorInfo;
import com.llmgateway.v1.ChatEvent;
import com.llmgateway.v1.ChatRequest;
import com.llmgateway.v1.LlmGatewayGrpc;
import com.llmgateway.v1.LlmGatewayGrpc.LlmGatewayBlockingStub;
import com.llmgateway.v1.Message;
import com.llmgateway.v1.Role;
import io.grpc.ManagedChannel;
import io.grpc.Metadata;
import io.grpc.StatusRuntimeException;
import io.grpc.protobuf.StatusProto;
import io.grpc.stub.MetadataUtils;
import java.io.OutputStream;
import java.util.ArrayList;
import java.util.Iterator;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicReference;
import java.util.function.Function;

/** Makes one call after the other at replicas of the gateway until its input ends, then prints what became of them. */
final class Load {
  private static final Metadata.Key<String> PREVIOUS_ATTEMPTS =
      Metadata.Key.of("grpc-previous-rpc-attempts", Metadata.ASCII_STRING_MARSHALLER);

  private final LlmGatewayBlockingStub gateway;
  private final Map<String, Integer> failures = new TreeMap<>();
  private int calls;
  private int retried;
  private volatile boolean ended;

  private Load(ManagedChannel channel) {
    gateway = LlmGatewayGrpc.newBlockingStub(channel);
  }

  static void run() throws Exception {
    ManagedChannel channel = Channels.to(System.getenv("GATEWAYS"));
    Load load = new Load(channel);
    List<Thread> workers = new ArrayList<>();
    for (int at = 0; at < Integer.parseInt(System.getenv("WORKERS")); at++) {
      Function<LlmGatewayBlockingStub, String> act = at % 2 == 0 ? Load::chat : Load::streamChat;
      Thread worker = new Thread(() -> load.work(act));
      worker.start();
      workers.add(worker);
    }
    System.in.transferTo(OutputStream.nullOutputStream());
    load.ended = true;
    for (Thread worker : workers) {
      worker.join();
    }
    channel.shutdownNow().awaitTermination(10, TimeUnit.SECONDS);
    Map<String, Object> outcome =
        Map.of("calls", load.calls, "retried", load.retried, "failures", load.failures);
    System.out.println(new Gson().toJson(outcome));
  }

  private void work(Function<LlmGatewayBlockingStub, String> act) {
    while (!ended) {
      AtomicReference<Metadata> headers = new AtomicReference<>();
      AtomicReference<Metadata> trailers = new AtomicReference<>();
      String failure = "";
      try {
        String text =
            act.apply(
                gateway
                    .withDeadlineAfter(60, TimeUnit.SECONDS)
                    .withInterceptors(MetadataUtils.newCaptureMetadataInterceptor(headers, trailers)));
        if (!text.equals("one two three")) {
          failure = "only \"" + text + "\"";
        }
      } catch (StatusRuntimeException error) {
        failure = error.getStatus().getCode() + " " + reasonOf(error);
      }
      add(headers.get() != null && headers.get().containsKey(PREVIOUS_ATTEMPTS), failure);
    }
  }

  private synchronized void add(boolean wasRetried, String failure) {
    calls++;
    retried += wasRetried ? 1 : 0;
    if (!failure.isEmpty()) {
      failures.merge(failure, 1, Integer::sum);
    }
  }

  private static String chat(LlmGatewayBlockingStub gateway) {
    return gateway.chat(question("CHAT_MODEL")).getMessage().getContent();
  }

  private static String streamChat(LlmGatewayBlockingStub gateway) {
    StringBuilder text = new StringBuilder();
    boolean finished = false;
    for (Iterator<ChatEvent> events = gateway.streamChat(question("STREAM_MODEL")); events.hasNext(); ) {
      ChatEvent event = events.next();
      text.append(event.getText().getText());
      finished = event.hasFinish();
    }
    return finished ? text.toString() : text + " without its end";
  }

  private static ChatRequest question(String model) {
    Message message = Message.newBuilder().setRole(Role.ROLE_USER).setContent("hi").build();
    return ChatRequest.newBuilder().setModel(System.getenv(model)).addMessages(message).build();
  }

  private static String reasonOf(StatusRuntimeException error) {
    try {
      for (Any detail : StatusProto.fromThrowable(error).getDetailsList()) {
        if (detail.is(ErrorInfo.class)) {
          return detail.unpack(ErrorInfo.class).getReason();
        }
      }
    } catch (InvalidProtocolBufferException malformed) {
      return malformed.getMessage();
    }
    return String.valueOf(error.getStatus().getDescription());
  }
}
