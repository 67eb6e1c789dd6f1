package interop;

/** The gateway as a Java program sees it: grpc-java, with code generated from proto/llmgateway/v1 alone. */
public final class Main {
  public static void main(String[] args) throws Exception {
    boolean isLoad = args.length > 0 && args[0].equals("load");
    if (isLoad) {
      Load.run();
    } else if (!Checks.run()) {
      System.exit(1);
    }
  }
}
