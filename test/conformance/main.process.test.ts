import { expect, it } from 'vitest'
import { bundle, OwnProcess } from '../helpers/own-process.ts'

it('listens without authentication, even in production, because it is measured there', async () => {
  const scripts = await bundle({ main: 'test/conformance/main.ts' })
  try {
    const app = new OwnProcess(`${scripts.folder}/main.js`, { NODE_ENV: 'production', PORT: '0' })
    expect(await app.line(/listens on \S+|Error: .*/)).toMatch(/^listens on http/)
  } finally {
    await scripts.remove()
  }
})
