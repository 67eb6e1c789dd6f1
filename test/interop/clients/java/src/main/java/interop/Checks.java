package interop;

import com.google.protobuf.Any;
import com.google.protobuf.InvalidProtocolBufferException;
import com.google.rpc.ErrorInfo;
import com.google.rpc.RetryInfo;
import com.llmgateway.v1.ChatEvent;
import com.llmgateway.v1.ChatRequest;
import com.llmgateway.v1.ErrorDetail;
import com.llmgateway.v1.LlmGatewayGrpc;
import com.llmgateway.v1.LlmGatewayGrpc.LlmGatewayBlockingStub;
import com.llmgateway.v1.Message;
import com.llmgateway.v1.Role;
import io.grpc.Context;
import io.grpc.ManagedChannel;
import io.grpc.Metadata;
import io.grpc.Status;
import io.grpc.StatusRuntimeException;
import io.grpc.protobuf.StatusProto;
import io.grpc.stub.MetadataUtils;
import java.util.ArrayList;
import java.util.Iterator;
import java.util.List;
import java.util.concurrent.TimeUnit;
import java.util.function.Supplier;

/** Calls one gateway in several ways, and prints a line for each of them. */
final class Checks {
  private static final Metadata.Key<String> AUTHORIZATION =
      Metadata.Key.of("authorization", Metadata.ASCII_STRING_MARSHALLER);

  private final LlmGatewayBlockingStub anonymous;
  private final LlmGatewayBlockingStub gateway;

  private Checks(ManagedChannel channel) {
    Metadata credential = new Metadata();
    credential.put(AUTHORIZATION, "Bearer " + System.getenv("GATEWAY_KEY"));
    anonymous = LlmGatewayGrpc.newBlockingStub(channel);
    gateway = anonymous.withInterceptors(MetadataUtils.newAttachHeadersInterceptor(credential));
  }

  /** Whether every check passed. */
  static boolean run() throws Exception {
    ManagedChannel channel = Channels.to(System.getenv("GATEWAY_GRPC"));
    Checks checks = new Checks(channel);
    boolean passed = true;
    passed &= check("Chat", checks::chat);
    passed &= check("StreamChat", checks::streamChat);
    passed &= check("a stream that is cancelled", checks::cancelledStream);
    passed &= check("a deadline", checks::deadline);
    passed &= check("an error with its details", checks::errorDetails);
    passed &= check("a call without a credential is refused", checks::noCredential);
    channel.shutdownNow().awaitTermination(10, TimeUnit.SECONDS);
    return passed;
  }

  private interface Check {
    void run() throws Exception;
  }

  private static boolean check(String name, Check check) {
    try {
      check.run();
      System.out.println("ok " + name);
      return true;
    } catch (Exception | AssertionError error) {
      System.out.println(("not ok " + name + ": " + error).replace('\n', ' '));
      return false;
    }
  }

  private void chat() {
    same(within(20_000, gateway).chat(question("")).getMessage().getContent(), "one two three");
  }

  private void streamChat() {
    List<String> kinds = new ArrayList<>();
    Iterator<ChatEvent> events = within(20_000, gateway).streamChat(question(""));
    events.forEachRemaining(event -> kinds.add(event.getEventCase().name()));
    same(kinds, List.of("START", "TEXT", "TEXT", "TEXT", "FINISH"));
  }

  private void cancelledStream() throws Exception {
    try (Context.CancellableContext context = Context.current().withCancellation()) {
      Status status =
          context.call(
              () -> {
                Iterator<ChatEvent> events = within(20_000, gateway).streamChat(question("endless/echo"));
                same(events.next().getEventCase(), ChatEvent.EventCase.START);
                context.cancel(null);
                return errorOf(() -> drained(events)).getStatus();
              });
      same(status.getCode(), Status.Code.CANCELLED);
    }
  }

  private void deadline() {
    StatusRuntimeException error = errorOf(() -> within(500, gateway).chat(question("sim/slow")));
    same(error.getStatus().getCode(), Status.Code.DEADLINE_EXCEEDED);
  }

  private void errorDetails() throws InvalidProtocolBufferException {
    StatusRuntimeException error = errorOf(() -> within(20_000, gateway).chat(question("hopeless")));
    same(error.getStatus().getCode(), Status.Code.UNAVAILABLE);
    List<Object> details = new ArrayList<>();
    for (Any detail : StatusProto.fromThrowable(error).getDetailsList()) {
      if (detail.is(ErrorInfo.class)) {
        details.add(detail.unpack(ErrorInfo.class).getReason());
      } else if (detail.is(RetryInfo.class)) {
        details.add(detail.unpack(RetryInfo.class).getRetryDelay().getSeconds());
      } else if (detail.is(ErrorDetail.class)) {
        details.add(detail.unpack(ErrorDetail.class).getAttemptsCount());
      }
    }
    same(details, List.of("UPSTREAM_OVERLOADED", 1L, 4));
  }

  private void noCredential() {
    StatusRuntimeException error = errorOf(() -> within(20_000, anonymous).chat(question("")));
    same(error.getStatus().getCode(), Status.Code.UNAUTHENTICATED);
  }

  private static LlmGatewayBlockingStub within(long ms, LlmGatewayBlockingStub stub) {
    return stub.withDeadlineAfter(ms, TimeUnit.MILLISECONDS);
  }

  private static ChatRequest question(String model) {
    Message message = Message.newBuilder().setRole(Role.ROLE_USER).setContent("one two three").build();
    return ChatRequest.newBuilder().setModel(model).addMessages(message).build();
  }

  private static int drained(Iterator<ChatEvent> events) {
    int count = 0;
    for (; events.hasNext(); events.next()) {
      count++;
    }
    return count;
  }

  private static StatusRuntimeException errorOf(Supplier<?> act) {
    try {
      act.get();
    } catch (StatusRuntimeException error) {
      return error;
    }
    throw new AssertionError("it should have failed");
  }

  private static void same(Object actual, Object expected) {
    if (!actual.equals(expected)) {
      throw new AssertionError("got " + actual + ", want " + expected);
    }
  }
}
