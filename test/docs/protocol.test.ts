import { readdirSync, readFileSync } from 'node:fs'
import { describe, expect, it } from 'vitest'
import { Broadcast, type Frame, Message, Reply } from '../../protocol/index.ts'
import { v1JsonSerializer } from '../../protocol/v1-json-serializer.ts'
import { v2JsonSerializer } from '../../protocol/v2-json-serializer.ts'
import { type ClientMessage, clientDecode } from '../helpers/phoenix-codec.ts'
import { hex } from '../helpers/vectors.ts'

const root = new URL('../../', import.meta.url)
const read = (path: string): string => readFileSync(new URL(path, root), 'utf8')
const text = read('docs/protocol.md')

/** The sample lines of the blocks that are fenced as `language sender`. */
function samples(language: string, sender: string): string[] {
  const blocks = text.matchAll(/^```(\S+) ?(.*)\n([\s\S]*?)^```$/gm)
  return [...blocks].flatMap(([, ...block]) =>
    block[0] === language && block[1] === sender ? (block[2] ?? '').trimEnd().split('\n') : [],
  )
}

/** Encode a message as a client would read it. */
function write({ join_ref, ref, topic, event, payload }: ClientMessage, isV1: boolean): Frame | null {
  const serializer = isV1 ? v1JsonSerializer : v2JsonSerializer
  if (event === 'phx_reply') {
    const { status, response } = payload as { status: string; response: unknown }
    return serializer.encode(new Reply(join_ref, ref, topic, status, response))
  }
  const isBroadcast = join_ref === null && ref === null
  if (isBroadcast) return serializer.fastlane(new Broadcast(String(topic), String(event), payload))
  return serializer.encode(new Message(join_ref, ref, topic, event, payload))
}

describe('samples of frames', () => {
  it('are fenced as JSON or hex of the client or the server', () => {
    const fences = [...text.matchAll(/^```(.+)$/gm)].map(([, fence]) => fence)
    expect(new Set(fences)).toEqual(new Set(['json client', 'json server', 'hex client', 'hex server']))
    expect(text.match(/^```$/gm)).toHaveLength(fences.length)
  })

  it.each(samples('json', 'client'))('%s is decoded without loss', (line) => {
    const value: unknown = JSON.parse(line)
    expect(JSON.stringify(value)).toBe(line)
    const isV1 = !Array.isArray(value)
    const { joinRef, ref, topic, event, payload } = (isV1 ? v1JsonSerializer : v2JsonSerializer).decode(
      line,
      'text',
    )
    expect(isV1 ? { topic, event, payload, ref } : [joinRef, ref, topic, event, payload]).toEqual(value)
  })

  it.each(samples('json', 'server'))('%s is encoded by us', (line) => {
    const isV1 = line.startsWith('{')
    const message: ClientMessage = isV1 ? JSON.parse(line) : clientDecode(line)
    expect(write({ join_ref: null, ...message }, isV1)?.data).toBe(line)
  })

  it.each(samples('hex', 'client'))('%s is decoded', (line) => {
    expect(v2JsonSerializer.decode(hex(line), 'binary')).toBeInstanceOf(Message)
  })

  it.each(samples('hex', 'server'))('%s is encoded by us', (line) => {
    expect(write(clientDecode(hex(line)), false)?.data).toEqual(hex(line))
  })
})

describe('clauses', () => {
  const clauses = [...text.matchAll(/^\*\*([A-Z0-9]+-\d+)\*\* /gm)].map(([, id]) => String(id))
  const kindOf = (id: string): string => id.slice(0, id.lastIndexOf('-'))

  it('are numbered from 1, and each kind is in one place', () => {
    const counts = new Map<string, number>()
    const expected = clauses.map((id) => {
      const count = (counts.get(kindOf(id)) ?? 0) + 1
      counts.set(kindOf(id), count)
      return `${kindOf(id)}-${count}`
    })
    expect(clauses).toEqual(expected)
  })

  it('exist if code, tests or docs cite them', () => {
    const kinds = [...new Set(clauses.map(kindOf))].join('|')
    const citation = new RegExp(`\\b(?:${kinds})-\\d+\\b`, 'g')
    const missing = ['protocol', 'server', 'client', 'test', 'docs'].flatMap(filesOf).flatMap((path) => {
      const cited = read(path).matchAll(citation)
      return [...cited].filter(([id]) => !clauses.includes(id)).map(([id]) => `${path}: ${id}`)
    })
    expect(missing).toEqual([])
  })
})

/** The TypeScript and Markdown files below a folder. */
function filesOf(folder: string): string[] {
  const names = readdirSync(new URL(`${folder}/`, root), { recursive: true, encoding: 'utf8' })
  return names.filter((name) => /\.(ts|md)$/.test(name)).map((name) => `${folder}/${name}`)
}
