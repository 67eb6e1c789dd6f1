import { isObject, type JsonFields, parseJson } from '../../json.ts'

/**
 * Keywords of JSON Schema that the vendor reads, in addition to those that begin with `$`.
 * https://ai.google.dev/api/generate-content#FIELDS.response_json_schema
 */
const READ: ReadonlySet<string> = new Set([
  ...['type', 'format', 'title', 'description', 'enum', 'items', 'prefixItems', 'minItems', 'maxItems', 'minimum'],
  ...['maximum', 'anyOf', 'oneOf', 'properties', 'additionalProperties', 'required', 'propertyOrdering'],
])
/**
 * Further keywords that constrain a response. All others do not.
 * https://json-schema.org/draft/2020-12/json-schema-validation
 */
const BINDING: ReadonlySet<string> = new Set([
  ...['const', 'pattern', 'minLength', 'maxLength', 'exclusiveMinimum', 'exclusiveMaximum', 'multipleOf', 'allOf'],
  ...['not', 'if', 'then', 'else', 'patternProperties', 'propertyNames', 'minProperties', 'maxProperties', 'nullable'],
  ...['dependentRequired', 'dependentSchemas', 'dependencies', 'uniqueItems', 'contains', 'minContains', 'maxContains'],
  ...['additionalItems', 'unevaluatedItems', 'unevaluatedProperties', 'contentEncoding', 'contentMediaType'],
])

/** A schema that the vendor reads, and the keywords that were removed. */
export interface ReadSchema {
  /** JSON text. */
  readonly json: string
  readonly lost: ReadonlySet<string>
}

/** Removes what the vendor does not read from a schema, a JSON text. A schema that fits is returned unchanged. */
export function readableSchema(text: string): ReadSchema {
  const lost = new Set<string>()
  const given = parseJson(text)
  const adapted = adapt(given, lost)
  return { json: adapted === given ? text : JSON.stringify(adapted), lost }
}

/** The same value if nothing had to change. */
function adapt(schema: unknown, lost: Set<string>): unknown {
  if (!isObject(schema)) return schema
  const adapted: Record<string, unknown> = {}
  for (const [keyword, value] of Object.entries(spelled(schema))) {
    // The vendor refuses other keywords beside a reference.
    const isRead = READ.has(keyword) && schema['$ref'] === undefined
    if (isRead || keyword.startsWith('$')) adapted[keyword] = adaptKeyword(keyword, value, lost)
    else if (READ.has(keyword) || BINDING.has(keyword)) lost.add(keyword)
  }
  return isSame(adapted, schema) ? schema : adapted
}

/** Equivalent keywords that the vendor reads, if there are any. */
function spelled(schema: JsonFields): JsonFields {
  const { const: only, definitions, $ref: reference } = schema
  const respelled: Record<string, unknown> = {}
  for (const [keyword, value] of Object.entries(schema)) {
    if (keyword === 'const' && schema['enum'] === undefined) respelled['enum'] = [only]
    else if (keyword === 'definitions' && schema['$defs'] === undefined) respelled['$defs'] = definitions
    else respelled[keyword] = value
  }
  if (typeof reference === 'string') respelled['$ref'] = reference.replace(/^#\/definitions\//, '#/$defs/')
  return respelled
}

function adaptKeyword(keyword: string, value: unknown, lost: Set<string>): unknown {
  switch (keyword) {
    case 'properties':
    case '$defs':
      return isObject(value) ? adaptNamed(value, lost) : value
    case 'anyOf':
    case 'oneOf':
    case 'prefixItems':
      return Array.isArray(value) ? adaptAll(value, lost) : value
    case 'items':
    case 'additionalProperties':
      return adapt(value, lost)
    default:
      return value
  }
}

function adaptNamed(schemas: JsonFields, lost: Set<string>): JsonFields {
  const adapted = Object.fromEntries(Object.entries(schemas).map(([name, schema]) => [name, adapt(schema, lost)]))
  return isSame(adapted, schemas) ? schemas : adapted
}

function adaptAll(schemas: readonly unknown[], lost: Set<string>): readonly unknown[] {
  const adapted = schemas.map((schema) => adapt(schema, lost))
  return adapted.every((schema, index) => schema === schemas[index]) ? schemas : adapted
}

function isSame(adapted: JsonFields, given: JsonFields): boolean {
  const names = Object.keys(adapted)
  return names.length === Object.keys(given).length && names.every((name) => adapted[name] === given[name])
}
