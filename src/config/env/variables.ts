import { parseEnv } from 'node:util'
import type { Reader } from '../file/readers.ts'
import type { Findings } from '../findings.ts'

export type Environment = Readonly<Record<string, string | undefined>>

/** A value and the variable that it was found in. */
export interface Found<T> {
  readonly from: string
  readonly value: T
}

/** A setting that can be made by environment variables, by falling rank. */
export interface Variable<T> {
  readonly names: readonly string[]
  readonly reader: Reader<T>
}

/** The variables of the process, then those of the `.env` file. An empty one counts as unset. */
export class Variables {
  readonly #sources: readonly Environment[]

  constructor(environment: Environment, dotenv: string | undefined) {
    this.#sources = [environment, dotenv === undefined ? {} : parseEnv(dotenv)]
  }

  get(name: string): string | undefined {
    return this.first([name])?.value
  }

  /** A variable of the process outranks each one of `.env`; among those of one source the order of `names` counts. */
  first(names: readonly string[]): Found<string> | undefined {
    for (const source of this.#sources) {
      for (const name of names) {
        const value = valueIn(source, name)
        if (value !== undefined) return { from: name, value }
      }
    }
    return undefined
  }

  /** All values of the first of `names` that has any: `NAME` itself, then `NAME_1`, `NAME_2` and on, gaps allowed. */
  numbered(names: readonly string[]): readonly Found<string>[] {
    for (const source of this.#sources) {
      for (const name of names) {
        const found = [name, ...numberedNames(source, name)].flatMap((from) => {
          const value = valueIn(source, from)
          return value === undefined ? [] : [{ from, value }]
        })
        if (found.length > 0) return found
      }
    }
    return []
  }

  /** The names of all that are set. */
  names(): readonly string[] {
    return this.#sources.flatMap((source) => Object.keys(source).filter((name) => valueIn(source, name) !== undefined))
  }

  /** Whether it is set in the `.env` file only. */
  inDotenvOnly(name: string): boolean {
    const [environment = {}, dotenv = {}] = this.#sources
    return valueIn(environment, name) === undefined && valueIn(dotenv, name) !== undefined
  }

  /** The value of a setting; one that cannot be read is a problem. */
  read<T>({ names, reader }: Variable<T>, findings: Findings): Found<T> | undefined {
    const found = this.first(names)
    if (!found) return undefined
    const value = reader.read(found.value)
    if (value !== undefined) return { from: found.from, value }
    findings.problem(found.from, `must be ${reader.expects}`)
    return undefined
  }
}

function valueIn(source: Environment, name: string): string | undefined {
  const value = Object.hasOwn(source, name) ? source[name]?.trim() : undefined
  return value === '' ? undefined : value
}

function numberedNames(source: Environment, name: string): readonly string[] {
  const prefix = `${name}_`
  return Object.keys(source)
    .filter((candidate) => candidate.startsWith(prefix) && /^\d+$/.test(candidate.slice(prefix.length)))
    .sort((a, b) => Number(a.slice(prefix.length)) - Number(b.slice(prefix.length)))
}
