import { build } from 'tsup'
import { page } from '../../tsup.config.ts'

/** Bundle the page into `dist/client`, where the app serves it from. */
export async function buildPage(): Promise<void> {
  await build({ ...page, config: false, silent: true })
}
