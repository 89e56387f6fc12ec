import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { build } from 'tsup'
import { page } from '../../tsup.config.ts'

/** The page, bundled into a folder of its own, so that no build in `dist` comes in between. */
export async function buildPage(): Promise<{ pageRoot: string; remove(): Promise<void> }> {
  const pageRoot = await mkdtemp(join(tmpdir(), 'page-'))
  await build({ ...page(pageRoot), config: false, silent: true })
  return { pageRoot, remove: () => rm(pageRoot, { recursive: true }) }
}
