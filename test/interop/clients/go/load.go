package main

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"google.golang.org/genproto/googleapis/rpc/errdetails"
	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/grpc/resolver"
	"google.golang.org/grpc/resolver/manual"
	"google.golang.org/grpc/stats"
	"google.golang.org/grpc/status"

	pb "interop/llmgateway/v1"
)

// What became of the calls, as the program that started this one reads it.
type outcome struct {
	Calls    int            `json:"calls"`
	Retried  int            `json:"retried"`
	Failures map[string]int `json:"failures"`
	lock     sync.Mutex
}

func (o *outcome) add(attempts int32, failure string) {
	o.lock.Lock()
	defer o.lock.Unlock()
	o.Calls++
	if attempts > 1 {
		o.Retried++
	}
	if failure != "" {
		o.Failures[failure]++
	}
}

type attemptsKey struct{}

// Counts the attempts of each call, which nothing else shows.
type attemptCounter struct{}

func (attemptCounter) TagRPC(ctx context.Context, _ *stats.RPCTagInfo) context.Context { return ctx }
func (attemptCounter) HandleRPC(ctx context.Context, event stats.RPCStats) {
	if _, begins := event.(*stats.Begin); begins {
		if attempts, ok := ctx.Value(attemptsKey{}).(*atomic.Int32); ok {
			attempts.Add(1)
		}
	}
}
func (attemptCounter) TagConn(ctx context.Context, _ *stats.ConnTagInfo) context.Context { return ctx }
func (attemptCounter) HandleConn(context.Context, stats.ConnStats)                       {}

// load makes one call after the other at replicas of the gateway until its input ends, then prints what became of them.
func load(config string) error {
	addresses := manual.NewBuilderWithScheme("replicas")
	var state resolver.State
	for _, address := range strings.Split(os.Getenv("GATEWAYS"), ",") {
		state.Endpoints = append(state.Endpoints, resolver.Endpoint{Addresses: []resolver.Address{{Addr: address}}})
	}
	addresses.InitialState(state)
	connection, err := grpc.NewClient(
		"replicas:///gateways",
		grpc.WithResolvers(addresses),
		grpc.WithTransportCredentials(insecure.NewCredentials()),
		grpc.WithDefaultServiceConfig(config),
		grpc.WithStatsHandler(attemptCounter{}),
	)
	if err != nil {
		return err
	}
	defer connection.Close()
	workers, err := strconv.Atoi(os.Getenv("WORKERS"))
	if err != nil {
		return err
	}
	c := client{gateway: pb.NewLlmGatewayClient(connection)}
	result := outcome{Failures: map[string]int{}}
	var ended atomic.Bool
	var running sync.WaitGroup
	for worker := range workers {
		act := c.chatOnce
		if worker%2 == 1 {
			act = c.streamOnce
		}
		running.Go(func() {
			for !ended.Load() {
				result.add(once(act))
			}
		})
	}
	_, _ = io.Copy(io.Discard, bufio.NewReader(os.Stdin))
	ended.Store(true)
	running.Wait()
	return json.NewEncoder(os.Stdout).Encode(&result)
}

// once makes a call, and returns how often it was tried and what went wrong, if anything did.
func once(act func(context.Context) (string, error)) (int32, string) {
	var attempts atomic.Int32
	ctx, cancel := context.WithTimeout(context.WithValue(context.Background(), attemptsKey{}, &attempts), time.Minute)
	defer cancel()
	text, err := act(ctx)
	switch {
	case err != nil:
		return attempts.Load(), fmt.Sprint(status.Code(err), " ", reasonOf(err))
	case text != "one two three":
		return attempts.Load(), fmt.Sprintf("only %q", text)
	default:
		return attempts.Load(), ""
	}
}

func (c client) chatOnce(ctx context.Context) (string, error) {
	answer, err := c.gateway.Chat(ctx, question(os.Getenv("CHAT_MODEL")))
	return answer.GetMessage().GetContent(), err
}

func (c client) streamOnce(ctx context.Context) (string, error) {
	events, err := c.gateway.StreamChat(ctx, question(os.Getenv("STREAM_MODEL")))
	if err != nil {
		return "", err
	}
	text, finished := "", false
	for {
		event, err := events.Recv()
		switch {
		case errors.Is(err, io.EOF) && !finished:
			return text + " without its end", nil
		case errors.Is(err, io.EOF):
			return text, nil
		case err != nil:
			return text, err
		}
		text += event.GetText().GetText()
		finished = event.GetFinish() != nil
	}
}

func reasonOf(err error) string {
	for _, detail := range status.Convert(err).Details() {
		if info, ok := detail.(*errdetails.ErrorInfo); ok {
			return info.GetReason()
		}
	}
	return status.Convert(err).Message()
}
