/** The JSON Schemas of the requests, as a program has them. */

export const city = { type: 'object' as const, properties: { city: { type: 'string' } }, required: ['city'] }

export const book = {
  type: 'object' as const,
  properties: { title: { type: 'string' }, year: { type: 'integer' } },
  required: ['title', 'year'],
  additionalProperties: false,
}

export const nested = {
  type: 'object' as const,
  properties: {
    order: {
      type: 'object',
      properties: {
        items: { type: 'array', items: { $ref: '#/$defs/item' }, minItems: 1 },
        paid: { type: ['boolean', 'null'] },
        kind: { type: 'string', enum: ['gift', 'sale'] },
        10: { type: 'number', minimum: 0 },
      },
      required: ['items'],
      additionalProperties: false,
    },
  },
  required: ['order'],
  additionalProperties: false,
  $defs: { item: { type: 'object', properties: { sku: { type: 'string', pattern: '^[a-z]+$' } } } },
}
