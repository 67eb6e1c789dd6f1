// The gateway as a Go program sees it: grpc-go, with code generated from proto/llmgateway/v1 alone.
package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"slices"
	"strings"
	"time"

	"google.golang.org/genproto/googleapis/rpc/errdetails"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/credentials/insecure"
	health "google.golang.org/grpc/health/grpc_health_v1"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/status"

	pb "interop/llmgateway/v1"
)

type client struct {
	gateway pb.LlmGatewayClient
	health  health.HealthClient
}

func main() {
	config, err := os.ReadFile(os.Getenv("SERVICE_CONFIG"))
	if err != nil {
		fmt.Println("not ok service config:", err)
		os.Exit(1)
	}
	if len(os.Args) > 1 && os.Args[1] == "load" {
		if err := load(string(config)); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		return
	}
	connection, err := grpc.NewClient(
		os.Getenv("GATEWAY_GRPC"),
		grpc.WithTransportCredentials(insecure.NewCredentials()),
		grpc.WithDefaultServiceConfig(string(config)),
	)
	if err != nil {
		fmt.Println("not ok connect:", err)
		os.Exit(1)
	}
	defer connection.Close()
	c := client{pb.NewLlmGatewayClient(connection), health.NewHealthClient(connection)}
	checks := []struct {
		name string
		act  func(context.Context) error
	}{
		{"Chat", c.chat},
		{"StreamChat", c.streamChat},
		{"a stream that is cancelled", c.cancelledStream},
		{"a deadline", c.deadline},
		{"an error with its details", c.errorDetails},
		{"a call without a credential is refused", c.noCredential},
		{"health", c.checkHealth},
	}
	failed := false
	for _, check := range checks {
		if err := within(20*time.Second, check.act); err != nil {
			failed = true
			fmt.Printf("not ok %s: %s\n", check.name, strings.ReplaceAll(err.Error(), "\n", " "))
		} else {
			fmt.Println("ok", check.name)
		}
	}
	if failed {
		os.Exit(1)
	}
}

func within(limit time.Duration, act func(context.Context) error) error {
	ctx, cancel := context.WithTimeout(context.Background(), limit)
	defer cancel()
	return act(metadata.AppendToOutgoingContext(ctx, "authorization", "Bearer "+os.Getenv("GATEWAY_KEY")))
}

func question(model string) *pb.ChatRequest {
	return &pb.ChatRequest{
		Model:    model,
		Messages: []*pb.Message{{Role: pb.Role_ROLE_USER, Content: "one two three"}},
	}
}

func (c client) chat(ctx context.Context) error {
	answer, err := c.gateway.Chat(ctx, question(""))
	if err != nil {
		return err
	}
	return same(answer.GetMessage().GetContent(), "one two three")
}

func (c client) streamChat(ctx context.Context) error {
	events, err := c.gateway.StreamChat(ctx, question(""))
	if err != nil {
		return err
	}
	var words []string
	finished := false
	for {
		event, err := events.Recv()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			return err
		}
		if text := event.GetText(); text != nil {
			words = append(words, text.GetText())
		}
		finished = event.GetFinish() != nil
	}
	if !slices.Equal(words, []string{"one ", "two ", "three"}) {
		return fmt.Errorf("the words are %q", words)
	}
	return same(finished, true)
}

func (c client) cancelledStream(ctx context.Context) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	events, err := c.gateway.StreamChat(ctx, question("endless/echo"))
	if err != nil {
		return err
	}
	if _, err := events.Recv(); err != nil {
		return err
	}
	cancel()
	for err == nil {
		_, err = events.Recv()
	}
	return same(status.Code(err), codes.Canceled)
}

func (c client) deadline(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, 500*time.Millisecond)
	defer cancel()
	_, err := c.gateway.Chat(ctx, question("sim/slow"))
	return same(status.Code(err), codes.DeadlineExceeded)
}

func (c client) errorDetails(ctx context.Context) error {
	_, err := c.gateway.Chat(ctx, question("hopeless"))
	if err := same(status.Code(err), codes.Unavailable); err != nil {
		return err
	}
	var told []string
	for _, detail := range status.Convert(err).Details() {
		switch detail := detail.(type) {
		case *errdetails.ErrorInfo:
			told = append(told, detail.GetReason())
		case *errdetails.RetryInfo:
			told = append(told, detail.GetRetryDelay().AsDuration().String())
		case *pb.ErrorDetail:
			told = append(told, fmt.Sprint(len(detail.GetAttempts()), " attempts"))
		}
	}
	return same(strings.Join(told, ", "), "UPSTREAM_OVERLOADED, 1s, 4 attempts")
}

func (c client) noCredential(ctx context.Context) error {
	_, err := c.gateway.Chat(metadata.NewOutgoingContext(ctx, nil), question(""))
	return same(status.Code(err), codes.Unauthenticated)
}

func (c client) checkHealth(ctx context.Context) error {
	answer, err := c.health.Check(ctx, &health.HealthCheckRequest{Service: pb.LlmGateway_ServiceDesc.ServiceName})
	if err != nil {
		return err
	}
	return same(answer.GetStatus(), health.HealthCheckResponse_SERVING)
}

func same[T comparable](got, want T) error {
	if got == want {
		return nil
	}
	return fmt.Errorf("got %v, want %v", got, want)
}
