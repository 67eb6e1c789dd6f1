import type { AlertTest } from '../../domain/ports/operations/alert-test.ts'
import type { TestAlertRequest, TestAlertResponse } from '../../domain/types.ts'
import type { UnaryMethod } from '../method-types.ts'
import { orCancelled } from './or-cancelled.ts'

/** Sends a test alert to every receiver. Throws only the reason of a cancelled call. */
export function createTestAlert(alerts: AlertTest): UnaryMethod<TestAlertRequest, TestAlertResponse> {
  return async (_request, { cancellation }) => {
    const results = await orCancelled(alerts.test(), cancellation)
    return {
      $typeName: 'llmgateway.v1.TestAlertResponse',
      deliveries: results.map((result) => ({ $typeName: 'llmgateway.v1.AlertDelivery', ...result })),
    }
  }
}
