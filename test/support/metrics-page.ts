import { eventually } from './eventually.ts'

/** Settles once this number of calls is under way. */
export function untilActive(page: string, calls: number): Promise<void> {
  return eventually(async () => (await metric(page, 'active_connections')) === calls)
}

/** The sum of a metric's series that have these labels; 0 when there is none. */
export async function metric(
  page: string,
  name: string,
  labels: Readonly<Record<string, string>> = {},
): Promise<number> {
  // The page closes connections that are idle, maybe in the moment in which this busy process uses one again.
  const text = await (await fetch(page, { headers: { connection: 'close' } })).text()
  let sum = 0
  for (const [, written = '', value] of text.matchAll(new RegExp(`^${name}(\\{.*\\})? (\\S+)$`, 'gm'))) {
    if (Object.entries(labels).every(([label, wanted]) => written.includes(`${label}="${wanted}"`)))
      sum += Number(value)
  }
  return sum
}
