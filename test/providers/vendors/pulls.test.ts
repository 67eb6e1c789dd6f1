import { expect, test } from 'vitest'
import { LayerBytes } from '../../../src/providers/vendors/layer-bytes.ts'
import { wireOf } from '../../support/encode.ts'

const same = (kind: string, one: string, other: string) => {
  const { pull } = wireOf(kind)
  return pull?.canonical(one) === pull?.canonical(other)
}

test.each([
  ['ollama', 'llama3.2', 'llama3.2:latest', true],
  ['ollama', 'library/llama3.2', 'llama3.2:latest', true],
  ['ollama', 'registry.ollama.ai/library/Llama3.2', 'llama3.2', true],
  ['ollama', 'hf.co/org/model', 'hf.co/org/model:latest', true],
  ['ollama', 'llama3.2:1b', 'llama3.2:latest', false],
  ['ollama', 'host:5000/llama3.2', 'host:5000/llama3.2:latest', true],
  ['docker-model-runner', 'ai/smollm2', 'docker.io/ai/smollm2:latest', true],
  ['docker-model-runner', 'smollm2', 'ai/smollm2', true],
  ['docker-model-runner', 'hf.co/Org/Model', 'huggingface.co/org/model:latest', true],
  ['docker-model-runner', 'ai/smollm2:360M', 'ai/smollm2', false],
  ['lmstudio', 'Qwen/Qwen3-4B', 'qwen/qwen3-4b', true],
])('%s: %s and %s are the same: %s', (kind, one, other, isSame) => {
  expect(same(kind, one, other)).toBe(isSame)
})

test('bytes of layers are summed, whatever a server writes in their place', () => {
  const bytes = new LayerBytes()
  bytes.set('a', undefined, 10)
  bytes.set('a', 4, undefined)
  bytes.set('b', -1, 'many')
  bytes.set('c', 7, 5)
  expect(bytes.sum()).toEqual({ done: 11, total: 15 })
  for (let index = 0; index < 10_000; index++) bytes.set(`layer ${index}`, 1, 1)
  expect(bytes.sum().done).toBeLessThan(5_000)
})
