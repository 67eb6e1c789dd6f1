import { type Resource, resourceFromAttributes } from '@opentelemetry/resources'

/** Identifies the gateway in metrics and spans. */
export function gatewayResource(version: string): Resource {
  return resourceFromAttributes({ 'service.name': 'llm-gateway', 'service.version': version })
}
