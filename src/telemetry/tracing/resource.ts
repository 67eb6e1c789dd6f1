import { type Resource, resourceFromAttributes } from '@opentelemetry/resources'

/** What metrics and spans say they come from. */
export function gatewayResource(version: string): Resource {
  return resourceFromAttributes({ 'service.name': 'llm-gateway', 'service.version': version })
}
