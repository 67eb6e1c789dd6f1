/** One step of a Dockerfile. */
export type Step =
  | { readonly kind: 'run'; readonly script: string }
  | {
      readonly kind: 'copy'
      readonly from: string | undefined
      readonly sources: readonly string[]
      readonly target: string
    }
  | { readonly kind: 'directory'; readonly path: string }
  | { readonly kind: 'environment'; readonly values: Readonly<Record<string, string>> }
  | { readonly kind: 'user'; readonly uid: number; readonly gid: number }
  | { readonly kind: 'expose'; readonly ports: readonly number[] }
  | { readonly kind: 'healthcheck'; readonly command: readonly string[] }
  | { readonly kind: 'entrypoint'; readonly command: readonly string[] }
  | { readonly kind: 'command'; readonly command: readonly string[] }

export interface Stage {
  readonly base: string
  readonly name: string | undefined
  readonly steps: readonly Step[]
}

/**
 * The stages of a Dockerfile, in their order. Throws at every instruction and option that it does not know, so that
 * nothing is left out of a replay in silence. https://docs.docker.com/reference/dockerfile/
 */
export function parseDockerfile(text: string): readonly Stage[] {
  const stages: { base: string; name: string | undefined; steps: Step[] }[] = []
  for (const { instruction, rest } of instructionsOf(text)) {
    if (instruction === 'FROM') {
      const [, base, name] = /^(\S+)(?:\s+AS\s+(\S+))?$/i.exec(rest) ?? unknown(`FROM ${rest}`)
      stages.push({ base: base ?? '', name, steps: [] })
      continue
    }
    const stage = stages.at(-1) ?? unknown(`${instruction} before FROM`)
    stage.steps.push(stepOf(instruction, rest))
  }
  return stages
}

function instructionsOf(text: string): readonly { instruction: string; rest: string }[] {
  const lines = text.split('\n').filter((line) => !/^\s*#/.test(line))
  const joined = lines.join('\n').replace(/\\\n/g, ' ')
  return joined
    .split('\n')
    .map((line) => line.trim())
    .filter((line) => line !== '')
    .map((line) => {
      const [, instruction = '', rest = ''] = /^(\S+)\s+(.*)$/.exec(line) ?? unknown(line)
      return { instruction: instruction.toUpperCase(), rest: rest.trim() }
    })
}

function stepOf(instruction: string, rest: string): Step {
  switch (instruction) {
    case 'RUN':
      return rest.startsWith('[') || rest.startsWith('--') ? unknown(`RUN ${rest}`) : { kind: 'run', script: rest }
    case 'COPY':
      return copyOf(rest)
    case 'WORKDIR':
      return { kind: 'directory', path: rest }
    case 'ENV':
      return { kind: 'environment', values: environmentOf(rest) }
    case 'USER':
      return userOf(rest)
    case 'EXPOSE':
      return { kind: 'expose', ports: rest.split(/\s+/).map(Number) }
    case 'HEALTHCHECK':
      return { kind: 'healthcheck', command: listOf(rest.replace(/^(?:--[\w-]+=\S+\s+)*CMD\s+/, '')) }
    case 'ENTRYPOINT':
      return { kind: 'entrypoint', command: listOf(rest) }
    case 'CMD':
      return { kind: 'command', command: listOf(rest) }
    default:
      return unknown(`${instruction} ${rest}`)
  }
}

function copyOf(rest: string): Step {
  const words = rest.split(/\s+/)
  const from = words[0]?.startsWith('--from=') ? words.shift()?.slice('--from='.length) : undefined
  const target = words.pop()
  if (target === undefined || words.length === 0 || words.some((word) => /^--|[*?[]/.test(word))) {
    return unknown(`COPY ${rest}`)
  }
  return { kind: 'copy', from, sources: words, target }
}

function environmentOf(rest: string): Record<string, string> {
  const pairs = rest.split(/\s+/).map((pair) => /^(\w+)=([^"'\\$]*)$/.exec(pair) ?? unknown(`ENV ${rest}`))
  return Object.fromEntries(pairs.map(([, name = '', value = '']) => [name, value]))
}

function userOf(rest: string): Step {
  const [, uid, gid] = /^(\d+):(\d+)$/.exec(rest) ?? unknown(`USER ${rest}`)
  return { kind: 'user', uid: Number(uid), gid: Number(gid) }
}

function listOf(text: string): readonly string[] {
  const list: unknown = text.startsWith('[') ? JSON.parse(text) : undefined
  return Array.isArray(list) && list.every((word) => typeof word === 'string') ? list : unknown(text)
}

function unknown(what: string): never {
  throw new Error(`the replay does not know this part of a Dockerfile: ${what}`)
}
