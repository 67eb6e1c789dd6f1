import { fileURLToPath } from 'node:url'
import { expect, it } from 'vitest'
import { parametersPage } from './parameters.ts'

it('docs/parameters.md says what the encoders do', async () => {
  await expect(parametersPage()).toMatchFileSnapshot(
    fileURLToPath(new URL('../../docs/parameters.md', import.meta.url)),
  )
})
