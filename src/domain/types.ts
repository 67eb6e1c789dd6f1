/**
 * The only import of generated code: the messages of the contract are the domain model.
 */
export * from '../../gen/google/rpc/error_details_pb.js'
export { type Status as RpcStatus, StatusSchema as RpcStatusSchema } from '../../gen/google/rpc/status_pb.js'
export {
  Health as HealthCheckService,
  type HealthCheckRequest,
  type HealthCheckResponse,
  HealthCheckResponse_ServingStatus as ServingStatus,
} from '../../gen/grpc/health/v1/health_pb.js'
export {
  ServerReflection as ServerReflectionService,
  type ServerReflectionRequest,
  ServerReflectionRequestSchema,
  type ServerReflectionResponse,
  ServerReflectionResponseSchema,
} from '../../gen/grpc/reflection/v1/reflection_pb.js'
export * from '../../gen/llmgateway/v1/admin_pb.js'
export * from '../../gen/llmgateway/v1/alerts_pb.js'
export * from '../../gen/llmgateway/v1/batch_pb.js'
export * from '../../gen/llmgateway/v1/budgets_pb.js'
export * from '../../gen/llmgateway/v1/cache_pb.js'
export * from '../../gen/llmgateway/v1/chat_pb.js'
export * from '../../gen/llmgateway/v1/complete_pb.js'
export * from '../../gen/llmgateway/v1/embed_pb.js'
export * from '../../gen/llmgateway/v1/estimate_pb.js'
export * from '../../gen/llmgateway/v1/gateway_pb.js'
export * from '../../gen/llmgateway/v1/health_pb.js'
export * from '../../gen/llmgateway/v1/ledger_pb.js'
export * from '../../gen/llmgateway/v1/message_pb.js'
export * from '../../gen/llmgateway/v1/models_pb.js'
export * from '../../gen/llmgateway/v1/route_pb.js'
export * from '../../gen/llmgateway/v1/stats_pb.js'

/** The comments of the proto files, which only reflection needs. */
export async function loadComments(): Promise<Readonly<Record<string, string>>> {
  return (await import('../../gen/comments.js')).comments
}
