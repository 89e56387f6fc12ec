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
  statSync,
  writeSync,
} from 'node:fs'
import { dirname } from 'node:path'
import { UsageError } from '../errors.ts'
import type { KnownKey } from './broadcast-keys.ts'
import type { Kept } from './history.ts'

// File that hands the histories of one process over to the next process. The old process writes the file when it stops.
// When the new process starts, it renames the file, reads it and removes it. If the new process crashes later, the next
// process finds no file. This is intended, because the messages and keys of the old file would be out of date.

export type SavedTopic = {
  readonly name: string
  readonly epoch: string
  readonly head: number
  /** Time of the topic's last use, in milliseconds since 1970. */
  readonly usedAt: number
  readonly kept: readonly Kept[]
  readonly keys: readonly (readonly [string, KnownKey])[]
}

/** The file's first line consists of this text and the digest of the other lines. */
const HEADING = 'fastify-phoenix history 1 '
/** File mode: only the owner can read the messages. */
const MODE = 0o600

/**
 * Check that the file can be written. @throws UsageError with `PHX_ERR_OPTION` when `file` exists and is not a file, or
 * when its folder is not writable.
 */
export function checkFile(file: string): void {
  let isFile: boolean | undefined
  try {
    accessSync(dirname(file), constants.W_OK)
    isFile = statSync(file, { throwIfNoEntry: false })?.isFile()
  } catch (cause) {
    throw new UsageError(
      'PHX_ERR_OPTION',
      `\`historyFile\` must be in a folder that exists and can be written (got "${file}")`,
      { cause },
    )
  }
  if (isFile === false)
    throw new UsageError('PHX_ERR_OPTION', `\`historyFile\` must be the path of a file (got "${file}")`)
}

/** Write the file, or replace an existing file atomically. @throws Error when the file cannot be written. */
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

/**
 * Read the file and remove it. Returns an empty list if there is no file.
 * @throws Error when the file cannot be renamed or read, or is damaged. A renamed file is kept as `<file>.taken`.
 */
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
    throw new Error('the file is damaged, or another version of fastify-phoenix wrote it')
  rmSync(taken)
  // The cast is safe: the digest shows that `saveHistories` wrote the file.
  return JSON.parse(text) as readonly SavedTopic[]
}

function digestOf(text: string): string {
  return createHash('sha256').update(text).digest('hex')
}
