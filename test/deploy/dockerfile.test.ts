import { expect, it } from 'vitest'
import { parseDockerfile } from './dockerfile.ts'
import { contextFilter } from './dockerignore.ts'

it('a Dockerfile is read as its stages and their steps', () => {
  const stages = parseDockerfile(`
    # a comment
    FROM node:24-slim AS build
    WORKDIR /app
    COPY package.json package-lock.json ./
    RUN npm ci && \\
      # between the lines of a step
      npm run build
    FROM node:24-slim
    COPY --from=build /app/dist dist
    ENV NODE_ENV=production A=b
    USER 1000:1000
    HEALTHCHECK --interval=10s CMD ["llm-gateway", "health"]
    CMD ["serve"]
  `)
  expect(stages).toEqual([
    {
      base: 'node:24-slim',
      name: 'build',
      steps: [
        { kind: 'directory', path: '/app' },
        { kind: 'copy', from: undefined, sources: ['package.json', 'package-lock.json'], target: './' },
        { kind: 'run', script: expect.stringMatching(/^npm ci && +npm run build$/) },
      ],
    },
    {
      base: 'node:24-slim',
      name: undefined,
      steps: [
        { kind: 'copy', from: 'build', sources: ['/app/dist'], target: 'dist' },
        { kind: 'environment', values: { NODE_ENV: 'production', A: 'b' } },
        { kind: 'user', uid: 1000, gid: 1000 },
        { kind: 'healthcheck', command: ['llm-gateway', 'health'] },
        { kind: 'command', command: ['serve'] },
      ],
    },
  ])
})

it.each([
  'ARG VERSION',
  'ADD https://example.com/a.tar.gz /',
  'COPY --chown=node a b',
  'COPY *.json ./',
  'COPY a',
  'RUN --mount=type=cache,target=/root npm ci',
  'USER node',
  'ENV A="b c"',
  'CMD node dist/main.js',
])('what a replay would not do as a builder does is refused: %s', (line) => {
  expect(() => parseDockerfile(`FROM node:24-slim\n${line}`)).toThrow('the replay does not know')
})

it('a .dockerignore says what a builder is given', () => {
  const given = contextFilter('# a comment\n*\n!src\n!package.json\nsrc/**/*.test.ts\n')
  const paths = [
    'src',
    'src/main.ts',
    'src/a/b.test.ts',
    'src/b.test.ts',
    'package.json',
    'package.json5',
    '.env',
    '.git/x',
  ]
  expect(paths.filter(given)).toEqual(['src', 'src/main.ts', 'package.json'])
})
