import { createHash } from 'node:crypto'
import {
  accessSync,
  closeSync,
  constants,
  fsyncSync,
  openSync,
  readFileSync,
  renameSync,
  rmSync,
  writeSync,
} from 'node:fs'
import { dirname } from 'node:path'
import { UsageError } from '../errors.ts'
import type { KnownKey } from './broadcast-keys.ts'
import type { Kept } from './history.ts'

// The histories of one process, handed over to the next one: saved once when it has stopped, and taken once when the
// next one starts. The file is renamed away before it is read, so that a process which crashes later never loads it
// again: its clients would be sent messages, and keys forgotten, as of another time.

/** A topic as it is saved. */
export type SavedTopic = {
  readonly name: string
  readonly epoch: string
  readonly head: number
  /** When it was last used, in ms since 1970. */
  readonly usedAt: number
  readonly kept: readonly Kept[]
  readonly keys: readonly (readonly [string, KnownKey])[]
}

/** The first line is this and the digest of the rest. */
const HEADING = 'fastify-phoenix history 1 '
/** Messages are read by nobody else. */
const MODE = 0o600

/** @throws UsageError with `PHX_ERR_OPTION` when the file could not be written. */
export function checkFolder(file: string): void {
  try {
    accessSync(dirname(file), constants.W_OK)
  } catch (cause) {
    throw new UsageError(
      'PHX_ERR_OPTION',
      `\`historyFile\` must be in a folder that exists and can be written (got "${file}")`,
      { cause },
    )
  }
}

/** Replace the file in one step. @throws Error when it cannot be written. */
export function saveHistories(file: string, topics: readonly SavedTopic[]): void {
  const text = JSON.stringify(topics)
  const temporary = `${file}.${process.pid}.tmp`
  rmSync(temporary, { force: true })
  const descriptor = openSync(temporary, 'wx', MODE)
  try {
    writeSync(descriptor, `${HEADING}${digestOf(text)}\n`)
    const bytes = Buffer.from(text)
    for (let at = 0; at < bytes.length; ) at += writeSync(descriptor, bytes, at)
    fsyncSync(descriptor)
  } finally {
    closeSync(descriptor)
  }
  renameSync(temporary, file)
}

/** Take the file away and read it; none if there is no file. @throws Error when it cannot be read, and leaves it as `.taken`. */
export function takeHistories(file: string): readonly SavedTopic[] {
  const taken = `${file}.taken`
  try {
    renameSync(file, taken)
  } catch (error) {
    if (Object(error).code === 'ENOENT') return []
    throw error
  }
  const content = readFileSync(taken, 'utf8')
  const end = content.indexOf('\n')
  const text = content.slice(end + 1)
  if (content.slice(0, end) !== HEADING + digestOf(text))
    throw new Error('it is damaged, or of another version')
  rmSync(taken)
  // The digest says that `saveHistories` has written it.
  return JSON.parse(text) as readonly SavedTopic[]
}

function digestOf(text: string): string {
  return createHash('sha256').update(text).digest('hex')
}
