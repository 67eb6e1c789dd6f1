/**
 * Whether a path of the build context, without a slash in front, goes to the builder. The last pattern that fits decides; a
 * pattern fits everything below what it fits. https://docs.docker.com/build/concepts/context/#dockerignore-files
 */
export function contextFilter(dockerignore: string): (path: string) => boolean {
  const rules = dockerignore
    .split('\n')
    .map((line) => line.trim())
    .filter((line) => line !== '' && !line.startsWith('#'))
    .map((line) => ({ keeps: line.startsWith('!'), pattern: expressionOf(line.replace(/^!/, '')) }))
  return (path) => rules.findLast(({ pattern }) => pattern.test(path))?.keeps ?? true
}

function expressionOf(pattern: string): RegExp {
  const source = pattern
    .replace(/^\/|\/$/g, '')
    .replace(/[.+^${}()|\\[\]]/g, '\\$&')
    .replace(/\*\*\/|\*\*|\*|\?/g, (wildcard) => meanings[wildcard] ?? wildcard)
  return new RegExp(`^${source}(?:/|$)`)
}

const meanings: Readonly<Record<string, string>> = { '**/': '(?:.*/)?', '**': '.*', '*': '[^/]*', '?': '[^/]' }
