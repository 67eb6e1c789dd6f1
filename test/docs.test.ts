import { existsSync, readdirSync, readFileSync } from 'node:fs'
import { expect, it } from 'vitest'
import { LlmGatewayAdmin } from '../gen/llmgateway/v1/admin_pb.js'
import { LlmGateway } from '../gen/llmgateway/v1/gateway_pb.js'
import { loadConfig } from '../src/config/load.ts'
import { codes, reasons } from '../src/domain/errors/reasons.ts'
import { instruments } from '../src/telemetry/metrics/instruments.ts'

const ROOT = new URL('../', import.meta.url)
const PAGES = [
  ...['README.md', 'CONTRIBUTING.md', 'SECURITY.md', 'CHANGELOG.md', 'RELEASING.md'],
  ...readdirSync(new URL('docs', ROOT))
    .filter((name) => name.endsWith('.md'))
    .map((name) => `docs/${name}`),
]

/** A file of the repository. */
function read(path: string): string {
  return readFileSync(new URL(path, ROOT), 'utf8')
}

const readme = read('README.md')

it.each(PAGES)('what %s links to is there', (page) => {
  const links = [...read(page).matchAll(/\]\((?!https?:)([^)#]+)/g)].map(
    ([, link = '']) => new URL(link, new URL(page, ROOT)),
  )
  expect(links.filter((link) => !existsSync(link))).toEqual([])
})

it.each(PAGES)('the files that %s names as code are there', (page) => {
  const paths = [...read(page).matchAll(/`((?:src|test|docs|deploy|bench|proto|gen)\/[\w./-]*)`/g)].map(
    ([, path = '']) => path,
  )
  expect(paths.filter((path) => !existsSync(new URL(path, ROOT)))).toEqual([])
})

it.each(PAGES)('the headings that %s links to are there', (page) => {
  const links = [...read(page).matchAll(/\]\((?!https?:)([^)#]*)#([^)]+)\)/g)]
  const missing = links.filter(([, path = '', anchor = '']) => {
    const target = path === '' ? page : new URL(path, new URL(page, ROOT))
    const text = readFileSync(target instanceof URL ? target : new URL(target, ROOT), 'utf8')
    return !anchorsOf(text).includes(anchor)
  })
  expect(missing.map(([link]) => link)).toEqual([])
})

/** As hosts make them of headings. */
function anchorsOf(page: string): string[] {
  return [...page.matchAll(/^#+ (.*)$/gm)].map(([, heading = '']) =>
    heading
      .toLowerCase()
      .replace(/[^\p{L}\p{N}\s_-]/gu, '')
      .replaceAll(' ', '-'),
  )
}

it.each(PAGES)('the scripts that %s runs are there', (page) => {
  const { scripts }: { scripts: Record<string, string> } = JSON.parse(read('package.json'))
  const run = [...read(page).matchAll(/npm (?:run )?(start|test|(?<=run )[\w:-]+)/g)].map(([, script = '']) => script)
  expect(run.filter((script) => !(script in scripts))).toEqual([])
})

it('the configuration in the README is one that a gateway starts with', () => {
  const [, file] = /```yaml\n(auth:[^`]+)```/.exec(readme) ?? []
  const env = { WEB_KEY: 'w'.repeat(16), OPERATORS_KEY: 'o'.repeat(16), OPENAI_API_KEY: 'a', GROQ_API_KEY: 'b' }
  const { config, problems } = loadConfig({ file, env })
  expect(problems).toEqual([])
  expect(config?.providers.map(({ name }) => name)).toEqual(['openai', 'groq', 'workstation'])
})

it.each([LlmGateway, LlmGatewayAdmin])('the README names every call of $typeName', ({ methods }) => {
  expect(methods.map(({ name }) => name).filter((name) => !readme.includes(`\`${name}\``))).toEqual([])
})

it.each(['client.ts', 'client.py'])('the README shows docs/examples/%s as it is', (name) => {
  expect(readme).toContain(`\n${read(`docs/examples/${name}`)}\`\`\``)
})

it('docs/resilience.md speaks of reasons, codes and metrics that there are', () => {
  const page = read('docs/resilience.md')
  const [known, metrics] = [new Set(Object.keys(reasons)), Object.values(instruments).map(({ name }) => name)]
  const spoken = [...page.matchAll(/`([A-Z]+(?:_[A-Z]+)+)`/g)].map(([, reason = '']) => reason)
  expect(spoken.filter((reason) => !known.has(reason))).toEqual([])
  expect(spoken.length).toBeGreaterThan(5)
  const statuses = [...page.matchAll(/(?<![`A-Z_])([A-Z]+_[A-Z]+|UNAVAILABLE)(?![`A-Z_])/g)].map(
    ([, code = '']) => code,
  )
  expect(statuses.filter((code) => !(code in codes))).toEqual([])
  const named = [...page.matchAll(/`(llm_gateway_\w+)`/g)].map(([, name = '']) => name)
  expect(named.filter((name) => !metrics.some((metric) => metric === name))).toEqual([])
})

it('docs/errors.md names every reason once, with its status and origin, and says what to do', () => {
  const rows = read('docs/errors.md').matchAll(/^\| `([A-Z_]+)` \| ([A-Z_]+) \| (\w+) \| [^|]+ \| [^|]+ \|$/gm)
  const documented = [...rows].map(([, reason, status, origin]) => `${reason} ${status} ${origin}`)
  const known = Object.entries(reasons).map(([reason, [status, origin]]) => `${reason} ${status} ${origin}`)
  expect(documented.toSorted()).toEqual(known.toSorted())
})

it('the table in docs/resilience.md is the table of reasons', () => {
  const cell = (holds: boolean) => (holds ? 'yes' : '')
  const known = Object.entries(reasons)
    .filter(([reason, [, origin, , , fallback]]) => origin === 'provider' || fallback || reason.startsWith('UPSTREAM_'))
    .map(
      ([reason, [, , blame, retry, fallback, unknown]]) =>
        `| \`${reason}\` | ${cell(retry)} | ${cell(fallback)} | ${cell(unknown)} | ${blame} |`,
    )
  const [, table = ''] =
    /<!-- reasons -->\n\n[^\n]+\n[^\n]+\n([\s\S]*?)\n\n<!-- end -->/.exec(read('docs/resilience.md')) ?? []
  expect(table.split('\n')).toEqual(known)
})

it('one page and Compose say, alike, what a Redis may evict', () => {
  const policy = /maxmemory-policy,? ([a-z-]+)/g
  const policies = ['docs/deployment.md', 'deploy/compose.yaml'].flatMap((path) => [...read(path).matchAll(policy)])
  expect(policies.map(([, name]) => name)).toEqual(['volatile-ttl', 'volatile-ttl'])
  const others = PAGES.filter((page) => page !== 'docs/deployment.md')
  expect(others.filter((page) => /noeviction|(?:allkeys|volatile)-\w+/.test(read(page)))).toEqual([])
})
