import { type ChildProcess, fork } from 'node:child_process'
import { once } from 'node:events'
import { mkdir, mkdtemp, rm } from 'node:fs/promises'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { build } from 'tsup'
import { onTestFinished } from 'vitest'
import { root } from './markdown.ts'
import { until } from './until.ts'

/** Bundled scripts, and how to remove them. */
export type Scripts = { readonly folder: string; remove(): Promise<void> }

/** Bundle TypeScript files, each to a `.js` of its name, into a folder from where packages resolve. */
export async function bundle(entry: Record<string, string>): Promise<Scripts> {
  const cache = join(root, 'node_modules/.cache')
  await mkdir(cache, { recursive: true })
  const folder = await mkdtemp(join(cache, 'test-'))
  await build({
    entry,
    outDir: folder,
    format: 'esm',
    target: 'node20',
    splitting: false,
    skipNodeModulesBundle: true,
    config: false,
    silent: true,
  })
  return { folder, remove: () => rm(folder, { recursive: true }) }
}

/** How a process has ended. */
export type Exit = { code: number | null; signal: NodeJS.Signals | null }

/** How a process is run. */
export type ProcessOptions = {
  /** Signals to its process group reach nobody else; default false. */
  readonly ownGroup?: boolean
  /** Options of Node; default none. */
  readonly flags?: readonly string[]
}

/** A script in a process of its own, until the end of the test. */
export class OwnProcess {
  readonly child: ChildProcess
  readonly exited: Promise<Exit>
  readonly lines: string[] = []

  constructor(
    file: string,
    env: Record<string, string> = {},
    { ownGroup = false, flags = [] }: ProcessOptions = {},
  ) {
    const options = { execArgv: [...flags], silent: true, detached: ownGroup }
    this.child = fork(file, { ...options, env: { ...process.env, ...env } })
    this.exited = once(this.child, 'exit').then(([code, signal]) => ({ code, signal }))
    for (const stream of [this.child.stdout, this.child.stderr]) {
      if (stream !== null) createInterface(stream).on('line', (line) => this.lines.push(line))
    }
    onTestFinished(async () => {
      this.child.kill('SIGKILL')
      await this.exited
    })
  }

  /** Send a message; the next that it sends is the answer. Rejects if it ends before. */
  async ask(message: object): Promise<unknown> {
    const died = this.exited.then((exit) => {
      throw new Error(`ended with ${JSON.stringify(exit)}: ${this.lines.slice(-5).join('\n')}`)
    })
    this.child.send(message)
    const [answer] = await Promise.race([once(this.child, 'message'), died])
    return answer
  }

  /** Wait for a line that matches the pattern, also among earlier lines. Resolves with the match. */
  async line(pattern: RegExp): Promise<string> {
    const matched = () => this.lines.map((line) => pattern.exec(line)?.[0]).find((text) => text !== undefined)
    await until(() => matched() !== undefined, { timeout: 100_000 })
    return matched() ?? ''
  }
}
