import { parseEnv } from 'node:util'
import type { Reader } from '../file/readers.ts'
import type { Findings } from '../findings.ts'

export type Environment = Readonly<Record<string, string | undefined>>

/** A value and the name of its variable. */
export interface Found<T> {
  readonly from: string
  readonly value: T
}

/** A setting with its environment variables, by decreasing precedence. */
export interface Variable<T> {
  readonly names: readonly string[]
  readonly reader: Reader<T>
}

/** The variables of the process, then those of the `.env` file. An empty value counts as unset. */
export class Variables {
  readonly #sources: readonly Environment[]

  constructor(environment: Environment, dotenv: string | undefined) {
    this.#sources = [environment, dotenv === undefined ? {} : parseEnv(dotenv)]
  }

  get(name: string): string | undefined {
    return this.first([name])?.value
  }

  /** The process takes precedence over `.env`; within one source the order of `names` decides. */
  first(names: readonly string[]): Found<string> | undefined {
    for (const source of this.#sources) {
      for (const name of names) {
        const value = valueIn(source, name)
        if (value !== undefined) return { from: name, value }
      }
    }
    return undefined
  }

  /** All values of the first of `names` that has any: `NAME`, then `NAME_1`, `NAME_2` and so on; gaps are allowed. */
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

  /** Names of all variables that are set. */
  names(): readonly string[] {
    return this.#sources.flatMap((source) => Object.keys(source).filter((name) => valueIn(source, name) !== undefined))
  }

  /** Whether the variable is set in the `.env` file only. */
  inDotenvOnly(name: string): boolean {
    const [environment = {}, dotenv = {}] = this.#sources
    return valueIn(environment, name) === undefined && valueIn(dotenv, name) !== undefined
  }

  /** Value of a setting; an invalid one is a problem. */
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
