import { matchesGlob } from './glob.ts'

/** Which names a caller may use. In a list `*` stands for any characters and `?` for one. */
export type NameList = 'all' | 'none' | readonly string[]

/** Whether the list has one of the names; without a list every name is allowed. */
export function allowsAny(list: NameList | undefined, names: readonly string[]): boolean {
  if (list === undefined || list === 'all') return true
  if (list === 'none') return false
  return list.some((pattern) => names.some((name) => matchesGlob(pattern, name)))
}
