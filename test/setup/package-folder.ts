import { mkdir, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { TestProject } from 'vitest/node'

declare module 'vitest' {
  interface ProvidedContext {
    /** Folder for the packed package, shared by all test files of a run. */
    packageFolder: string
  }
}

/** The process that runs the tests is the same for all tiers. */
const folder = join(tmpdir(), `fastify-phoenix-${process.pid}`)

/** Give the test files of a run one folder, in which the first that needs the package packs it. */
export async function setup(project: TestProject): Promise<void> {
  await mkdir(folder, { recursive: true })
  project.provide('packageFolder', folder)
}

export async function teardown(): Promise<void> {
  await rm(folder, { recursive: true, force: true })
}
