import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { build } from 'tsup'
import { dashboard, page } from '../../tsup.config.ts'

/** The page, bundled into a folder of its own, so that no build in `dist` comes in between. */
export async function buildPage(): Promise<{ pageRoot: string; remove(): Promise<void> }> {
  const { folder, remove } = await bundle(page)
  return { pageRoot: folder, remove }
}

/** The same of the dashboard. */
export async function buildDashboard(): Promise<{ dashboardRoot: string; remove(): Promise<void> }> {
  const { folder, remove } = await bundle(dashboard)
  return { dashboardRoot: folder, remove }
}

async function bundle(options: typeof page) {
  const folder = await mkdtemp(join(tmpdir(), 'page-'))
  await build({ ...options(folder), config: false, silent: true })
  return { folder, remove: () => rm(folder, { recursive: true }) }
}
