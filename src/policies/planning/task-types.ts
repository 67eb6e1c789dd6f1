/** Types of tasks that callers may always name. Without a route of their own they go where a call without a name goes. */
export const usualTaskTypes: readonly string[] = [
  'planning',
  'architecture',
  'complex_generation',
  'simple_generation',
  'verification',
  'general',
]
