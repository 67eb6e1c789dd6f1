import { isObject, type JsonFields, parseJson } from '../json.ts'

/**
 * The vendor supports part of JSON Schema for structured output, and refuses schemas that use more.
 * https://platform.claude.com/docs/en/build-with-claude/structured-outputs#json-schema-limitations
 */
const KEYWORDS: ReadonlySet<string> = new Set([
  ...['$ref', '$defs', 'definitions', 'type', 'enum', 'const', 'default', 'title', 'description'],
  ...['anyOf', 'allOf', 'properties', 'required', 'additionalProperties', 'items', 'format', 'minItems'],
])
const FORMATS: ReadonlySet<string> = new Set(
  'date-time time date duration email hostname uri ipv4 ipv6 uuid'.split(' '),
)
/** Keywords that do not constrain the response. */
const SILENT: ReadonlySet<string> = new Set(['$schema', '$id', '$comment', 'examples', 'deprecated'])

/**
 * Adapts a schema, a JSON text, to what the vendor supports. Values of the adapted schema also match the given one,
 * except for keywords that are moved to descriptions, as the vendor's own libraries do. Undefined for objects with free
 * property names, which the vendor does not support. A supported schema is returned unchanged.
 */
export function boundSchema(text: string): string | undefined {
  const given = parseJson(text)
  const adapted = adapt(given)
  if (adapted === undefined) return undefined
  return adapted === given ? text : JSON.stringify(adapted)
}

/** The same object if nothing had to change; undefined if it cannot be adapted. */
function adapt(schema: unknown): unknown {
  if (!isObject(schema)) return schema
  if (isFree(schema)) return undefined
  const adapted: Record<string, unknown> = {}
  const reported: string[] = []
  for (const [keyword, value] of Object.entries(schema)) {
    if (keyword === 'oneOf' && schema['anyOf'] === undefined) adapted['anyOf'] = adaptAll(value)
    else if (isTaken(keyword, value)) adapted[keyword] = adaptKeyword(keyword, value)
    else if (!SILENT.has(keyword)) reported.push(`${keyword}: ${JSON.stringify(value)}`)
  }
  if (Object.values(adapted).includes(undefined)) return undefined
  if (isObjectType(schema)) adapted['additionalProperties'] = false
  if (reported.length > 0) {
    const description = [adapted['description'], `{${reported.join(', ')}}`].filter(
      (words) => typeof words === 'string',
    )
    adapted['description'] = description.join('\n\n')
  }
  return isSame(adapted, schema) ? schema : adapted
}

/** Whether an object has no list of properties. The vendor would allow none, so it would always be empty. */
function isFree(schema: JsonFields): boolean {
  if (!isObjectType(schema) || isObject(schema['properties'])) return false
  return schema['additionalProperties'] !== false && !['$ref', 'anyOf', 'oneOf', 'allOf'].some((key) => key in schema)
}

function isObjectType({ type, properties }: JsonFields): boolean {
  return type === 'object' || (Array.isArray(type) && type.includes('object')) || isObject(properties)
}

function isTaken(keyword: string, value: unknown): boolean {
  if (keyword === 'format') return typeof value === 'string' && FORMATS.has(value)
  if (keyword === 'minItems') return value === 0 || value === 1
  return KEYWORDS.has(keyword)
}

function adaptKeyword(keyword: string, value: unknown): unknown {
  switch (keyword) {
    case 'properties':
    case '$defs':
    case 'definitions':
      return adaptNamed(value)
    case 'anyOf':
    case 'allOf':
      return adaptAll(value)
    case 'items':
      return adapt(value)
    default:
      return value
  }
}

function adaptNamed(schemas: unknown): unknown {
  if (!isObject(schemas)) return schemas
  const adapted = Object.fromEntries(Object.entries(schemas).map(([name, schema]) => [name, adapt(schema)]))
  if (Object.values(adapted).includes(undefined)) return undefined
  return isSame(adapted, schemas) ? schemas : adapted
}

function adaptAll(schemas: unknown): unknown {
  if (!Array.isArray(schemas)) return schemas
  const adapted = schemas.map(adapt)
  if (adapted.includes(undefined)) return undefined
  return adapted.every((schema, index) => schema === schemas[index]) ? schemas : adapted
}

function isSame(adapted: JsonFields, given: JsonFields): boolean {
  const names = Object.keys(adapted)
  return names.length === Object.keys(given).length && names.every((name) => adapted[name] === given[name])
}
