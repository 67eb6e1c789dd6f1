import type { CacheRules } from '../../domain/ports/cache.ts'

/** Settings of the cache. Durations in ms, sizes in bytes. */
export interface CacheSettings {
  /** Where responses are kept: in this process, in Redis, or in both. */
  readonly strategy: 'memory' | 'redis' | 'hybrid'
  readonly rules: CacheRules
  readonly maxEntries: number
  readonly maxBytes: number
  /** Rules by the name of an alias, in place of `rules`. */
  readonly aliases: Readonly<Record<string, Partial<CacheRules>>>
  /** Rules by task type; they take precedence over those of the alias. */
  readonly tasks: Readonly<Record<string, Partial<CacheRules>>>
}

export const defaultCacheSettings = {
  strategy: 'memory',
  ttl: 3_600_000,
  fallbackTtl: 60_000,
  maxEntries: 1000,
  maxBytes: 256 * 2 ** 20,
  /** Calls of this task type use the cache even where the rules of their alias turn it off. */
  tasks: { verification: { enabled: true } },
} as const

/** The rules that apply to an alias or model and a task type. */
export function rulesFor({ rules, aliases, tasks }: CacheSettings): (name: string, taskType: string) => CacheRules {
  const byName = new Map(Object.entries(aliases))
  const byTask = new Map(Object.entries(tasks))
  return (name, taskType) => {
    const ofAlias = byName.get(name)
    const ofTask = taskType === '' ? undefined : byTask.get(taskType)
    return ofAlias || ofTask ? { ...rules, ...ofAlias, ...ofTask } : rules
  }
}
