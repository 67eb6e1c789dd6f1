package interop;

import com.google.gson.Gson;
import com.google.gson.reflect.TypeToken;
import io.grpc.EquivalentAddressGroup;
import io.grpc.Grpc;
import io.grpc.InsecureChannelCredentials;
import io.grpc.ManagedChannel;
import io.grpc.NameResolver;
import io.grpc.NameResolverProvider;
import io.grpc.NameResolverRegistry;
import io.grpc.StatusOr;
import java.io.IOException;
import java.net.InetSocketAddress;
import java.net.URI;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.List;
import java.util.Map;

/** Makes channels to a list of gateways, with the service config of the documentation. */
final class Channels {
  private Channels() {}

  /** {@code gateways} are {@code host:port}, separated by commas. */
  static ManagedChannel to(String gateways) throws IOException {
    List<EquivalentAddressGroup> addresses =
        Arrays.stream(gateways.split(",")).map(Channels::addressOf).toList();
    NameResolverRegistry.getDefaultRegistry().register(new ListProvider(addresses));
    String json = Files.readString(Path.of(System.getenv("SERVICE_CONFIG")));
    Map<String, ?> config = new Gson().fromJson(json, new TypeToken<Map<String, Object>>() {}.getType());
    return Grpc.newChannelBuilder("list:///gateways", InsecureChannelCredentials.create())
        .defaultServiceConfig(config)
        .enableRetry()
        .build();
  }

  private static EquivalentAddressGroup addressOf(String gateway) {
    int colon = gateway.lastIndexOf(':');
    int port = Integer.parseInt(gateway.substring(colon + 1));
    return new EquivalentAddressGroup(new InetSocketAddress(gateway.substring(0, colon), port));
  }

  /** Resolves every name of the scheme {@code list} to the same addresses. */
  private static final class ListProvider extends NameResolverProvider {
    private final List<EquivalentAddressGroup> addresses;

    ListProvider(List<EquivalentAddressGroup> addresses) {
      this.addresses = addresses;
    }

    @Override
    protected boolean isAvailable() {
      return true;
    }

    @Override
    protected int priority() {
      return 5;
    }

    @Override
    public String getDefaultScheme() {
      return "list";
    }

    @Override
    public NameResolver newNameResolver(URI target, NameResolver.Args args) {
      return new NameResolver() {
        @Override
        public String getServiceAuthority() {
          return "gateways";
        }

        @Override
        public void start(Listener2 listener) {
          listener.onResult(
              ResolutionResult.newBuilder().setAddressesOrError(StatusOr.fromValue(addresses)).build());
        }

        @Override
        public void shutdown() {}
      };
    }
  }
}
